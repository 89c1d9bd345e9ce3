import { availableParallelism } from 'node:os';
import { NestbitError, throwIfAborted } from '../errors.ts';
import { identityOf } from './identity.ts';
import { type ModelFolder, type Pooling, readModelFolder } from './model-folder.ts';
import { WorkerPool } from './worker-pool.ts';

export interface EncoderOptions {
  /** Reads onnx/model_<variant>.onnx, such as `quantized`. Default: onnx/model.onnx. */
  readonly variant?: string;
  /** Default: as the folder says; else the model's own pooled output, else the mean. */
  readonly pooling?: Pooling;
  /** Scale embeddings to length 1. Default true. A codec does so in any case. */
  readonly normalize?: boolean;
  /** Longest input in tokens; the rest is cut. Default: as the folder says. */
  readonly maxLength?: number;
  /** Prompts by name (`query`, `document`, …), over those of the folder. */
  readonly prompts?: Readonly<Record<string, string>>;
  /** Threads with a copy of the model each. Default 2, or fewer where there are fewer cores. */
  readonly workers?: number;
  /** Threads within one run of the model. Default: the cores divided by the workers. */
  readonly threadsPerWorker?: number;
  /** Tokens of a batch, padding included. Default 16 384. More is quicker on long inputs and needs memory. */
  readonly batchTokens?: number;
}

export interface EncodeOptions {
  /**
   * Name of a prompt that is put before each text. `query` and `document` are allowed for every model and
   * add nothing where it has no such prompt. Default: the folder's default prompt, or none.
   */
  readonly prompt?: string;
  readonly signal?: AbortSignal;
}

/** Records of a stream with their embeddings, in order. */
export interface EncodedBatch<T> {
  readonly records: T[];
  /** records × dimensions */
  readonly embeddings: Float32Array;
}

/** Texts sent to a worker at a time: few enough that posting them never holds up the main thread. */
const WINDOW_TEXTS = 256;
const WINDOW_CHARACTERS = 500_000;

/** Text in, embeddings out: a model folder on onnxruntime, in worker threads. */
export class Encoder {
  /** Width of the embeddings, in values. */
  readonly dimensions: number;
  /** Longest input, in tokens. */
  readonly maxLength: number;
  /** Folder name and a hash of model, data files, tokenizer and pooling, for the codec: `name@0123456789abcdef`. */
  readonly identity: string;
  readonly #pool: WorkerPool;
  readonly #prompts: Readonly<Record<string, string>>;
  readonly #defaultPrompt: string | undefined;
  readonly #workers: number;

  private constructor(pool: WorkerPool, folder: ModelFolder, identity: string, workers: number) {
    this.dimensions = pool.dimensions;
    this.maxLength = folder.maxLength;
    this.identity = identity;
    this.#pool = pool;
    this.#prompts = folder.prompts;
    this.#defaultPrompt = folder.defaultPrompt;
    this.#workers = workers;
  }

  /**
   * Opens a model folder (see `readModelFolder` for what it may hold).
   *
   * @throws NestbitError `MODEL_INVALID`
   */
  static async open(path: string, options: EncoderOptions = {}): Promise<Encoder> {
    const cores = availableParallelism();
    const workers = options.workers ?? Math.min(2, cores);
    if (!Number.isInteger(workers) || workers < 1)
      throw new RangeError(`workers must be at least 1, got ${workers}`);
    const read = await readModelFolder(path, options.variant);
    const folder: ModelFolder = {
      ...read,
      pooling: options.pooling ?? read.pooling,
      maxLength: options.maxLength ?? read.maxLength,
      prompts: { ...read.prompts, ...options.prompts },
    };
    const pool = await WorkerPool.open(workers, {
      folder,
      threads: options.threadsPerWorker ?? Math.max(1, Math.floor(cores / workers)),
      batchTokens: options.batchTokens ?? 16_384,
      normalize: options.normalize ?? true,
    });
    return new Encoder(pool, folder, await identityOf(path, folder), workers);
  }

  /**
   * Embeddings of texts, in their order: texts × dimensions.
   *
   * @throws NestbitError `BATCH_EMPTY`, `ABORTED`, `ENCODER_CLOSED`, `ENCODER_FAILED`
   */
  async encode(texts: readonly string[], options: EncodeOptions = {}): Promise<Float32Array> {
    if (texts.length === 0)
      throw new NestbitError('BATCH_EMPTY', 'There is no text to encode; give at least one.');
    const out = new Float32Array(texts.length * this.dimensions);
    let at = 0;
    for await (const { embeddings } of this.encodeStream(texts, (text) => text, options)) {
      out.set(embeddings, at);
      at += embeddings.length;
    }
    return out;
  }

  /**
   * Encodes a stream of records in order. Only a few windows per worker are read ahead, so memory is bounded
   * and a slow consumer slows the source.
   *
   * @param textOf the text of a record
   */
  async *encodeStream<T>(
    source: AsyncIterable<T> | Iterable<T>,
    textOf: (record: T) => string,
    options: EncodeOptions = {},
  ): AsyncGenerator<EncodedBatch<T>> {
    const prompt = this.#prompt(options.prompt);
    const pending: Promise<EncodedBatch<T>>[] = [];
    for await (const { records, texts } of windows(source, textOf)) {
      throwIfAborted(options.signal);
      const batch = this.#pool.run(texts, prompt).then((embeddings) => ({ records, embeddings }));
      // It is awaited in its turn; until then a failure must not count as unhandled.
      batch.catch(() => {});
      pending.push(batch);
      if (pending.length > 2 * this.#workers) yield await (pending.shift() as Promise<EncodedBatch<T>>);
    }
    for (const batch of pending) {
      throwIfAborted(options.signal);
      yield await batch;
    }
  }

  /** Refuses work that waits (`ENCODER_CLOSED`), lets running batches end and stops the workers. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  #prompt(name: string | undefined): string {
    const wanted = name ?? this.#defaultPrompt;
    if (wanted === undefined) return '';
    // Some models name their document prompt `passage`.
    const prompt = this.#prompts[wanted] ?? (wanted === 'document' ? this.#prompts['passage'] : undefined);
    if (prompt === undefined && wanted !== 'query' && wanted !== 'document') {
      const known = Object.keys(this.#prompts).join(', ');
      throw new NestbitError(
        'USAGE',
        `The model has no prompt named ${wanted}; it has: ${known === '' ? 'none' : known}.`,
      );
    }
    return prompt ?? '';
  }
}

async function* windows<T>(
  source: AsyncIterable<T> | Iterable<T>,
  textOf: (record: T) => string,
): AsyncGenerator<{ records: T[]; texts: string[] }> {
  let records: T[] = [];
  let texts: string[] = [];
  let characters = 0;
  let index = 0;
  for await (const record of source) {
    const text = textOf(record);
    if (typeof text !== 'string') throw new TypeError(`text ${index} is of type ${typeof text}, not string`);
    index++;
    records.push(record);
    texts.push(text);
    characters += text.length;
    if (texts.length >= WINDOW_TEXTS || characters >= WINDOW_CHARACTERS) {
      yield { records, texts };
      records = [];
      texts = [];
      characters = 0;
    }
  }
  if (texts.length > 0) yield { records, texts };
}
