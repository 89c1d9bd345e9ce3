import { NestbitError, wrongType } from '../errors.ts';
import { EncodeCall } from './encode-call.ts';
import { type EncodedBatch, encodeWindows } from './encode-stream.ts';
import { identityOf } from './identity.ts';
import { type ModelFolder, readModelFolder } from './model/model-folder.ts';
import { findPrompt, type Prompt } from './prompts.ts';
import { type EncoderOptions, encoderSettings } from './settings.ts';
import { readStaticTable } from './static-table.ts';
import { Windows } from './windows.ts';
import { WorkerPool } from './worker-pool.ts';

export interface EncodeOptions {
  /**
   * Name of a prompt that is put before each text. Names that mean the same find each other: `query`, `search_query` and
   * `retrieval.query`; `document`, `passage`, `search_document` and others. These are allowed for every model: where it
   * has no such prompt they add nothing, and a warning names the prompts that it has. Default: the folder's default
   * prompt, or none.
   */
  readonly prompt?: string;
  /** Text that is put before each text, in place of a named prompt. */
  readonly promptText?: string;
  /** Ends the call with `ABORTED` as soon as it fires; the encoder can be used on. */
  readonly signal?: AbortSignal;
}

/** Text in, embeddings out: a model folder on onnxruntime, in worker threads. */
export class Encoder {
  /** Width of the embeddings, in values. */
  readonly dimensions: number;
  /** Longest input, in tokens. */
  readonly maxLength: number;
  /** The prompts by name: the folder's, and those of the options. */
  readonly prompts: Readonly<Record<string, string>>;
  /** Folder name and a hash of model, data files, tokenizer and pooling, for the codec: `name@0123456789abcdef`. */
  readonly identity: string;
  readonly #pool: WorkerPool;
  readonly #folder: ModelFolder;
  readonly #noticed = new Set<string>();

  private constructor(pool: WorkerPool, folder: ModelFolder, identity: string) {
    this.dimensions = pool.dimensions;
    this.maxLength = folder.maxLength;
    this.prompts = folder.prompts;
    this.identity = identity;
    this.#pool = pool;
    this.#folder = folder;
  }

  /**
   * Opens a model folder (see `readModelFolder` for what it may hold).
   *
   * @throws NestbitError `MODEL_INVALID`; TypeError or RangeError naming an option
   */
  static async open(path: string, options: EncoderOptions = {}): Promise<Encoder> {
    if (typeof path !== 'string') throw wrongType(`path must be a string, got ${typeof path}`);
    const settings = encoderSettings(options);
    const folder = await readModelFolder(path, settings);
    for (const notice of folder.notices) warn(notice, 'NESTBIT_MODEL');
    const pool = await WorkerPool.open(settings.workers, {
      folder,
      table: folder.kind === 'static' ? await readStaticTable(folder.weightsPath) : undefined,
      threads: settings.threadsPerWorker,
      batchTokens: settings.batchTokens,
      normalize: settings.normalize,
    });
    return new Encoder(pool, folder, await identityOf(path, folder));
  }

  /**
   * Embeddings of texts, in their order: texts × dimensions.
   *
   * @throws NestbitError `BATCH_EMPTY`, `ABORTED`, `ENCODER_CLOSED`, `ENCODER_FAILED`; TypeError
   */
  async encode(texts: readonly string[], options: EncodeOptions = {}): Promise<Float32Array> {
    if (!Array.isArray(texts)) throw wrongType(`texts must be an array of strings, got ${typeof texts}`);
    if (texts.length === 0)
      throw new NestbitError('BATCH_EMPTY', 'There is no text to encode; give at least one.');
    const out = new Float32Array(texts.length * this.dimensions);
    let at = 0;
    for await (const { embeddings } of this.encodeStream<string>(texts, (text) => text, options)) {
      out.set(embeddings, at);
      at += embeddings.length;
    }
    return out;
  }

  /**
   * Encodes a stream of records in order. Only a few windows per worker are read ahead, so memory is bounded
   * and a slow consumer slows the source. Leaving the loop ends the work.
   *
   * @param textOf the text of a record
   * @throws NestbitError `ABORTED`, `ENCODER_CLOSED`, `ENCODER_FAILED`; TypeError; errors of the source
   */
  async *encodeStream<T>(
    source: AsyncIterable<T> | Iterable<T>,
    textOf: (record: T) => string,
    options: EncodeOptions = {},
  ): AsyncGenerator<EncodedBatch<T>> {
    if (typeof options !== 'object' || options === null) throw wrongType('options must be an object');
    if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
      throw wrongType('signal must be an AbortSignal');
    }
    const prompt = this.#promptOf(options);
    const windows = new Windows(source, textOf);
    yield* encodeWindows(windows, new EncodeCall(this.#pool, prompt, options.signal));
  }

  #promptOf({ prompt: name, promptText }: EncodeOptions): Prompt {
    if (promptText !== undefined && typeof promptText !== 'string')
      throw wrongType(`promptText must be a string, got ${typeof promptText}`);
    if (promptText !== undefined && name !== undefined && this.#folder.tasks.length === 0)
      throw wrongType('give prompt, the name of a prompt, or promptText, not both');
    // Of a model with tasks the name still says the task.
    if (promptText !== undefined && name === undefined) return { text: promptText, task: undefined };
    const { notice, text, task } = findPrompt(this.#folder, name);
    if (notice !== undefined && !this.#noticed.has(notice)) {
      this.#noticed.add(notice);
      warn(notice, 'NESTBIT_PROMPT');
    }
    return { text: promptText ?? text, task };
  }

  /** Refuses work that has not ended (`ENCODER_CLOSED`), lets running batches end and stops the workers. */
  async close(): Promise<void> {
    await this.#pool.close();
  }
}

function warn(text: string, code: string): void {
  process.emitWarning(text, { type: 'NestbitWarning', code });
}
