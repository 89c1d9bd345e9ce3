import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { NestbitError } from '../errors.ts';
import { toFloat32 } from '../files/npy-convert.ts';
import { makeFeeds } from './feeds.ts';
import { Finish } from './finish.ts';
import { graphInputs, graphOutput, type Input } from './graph.ts';
import { invalid } from './model/invalid.ts';
import type { ModelFolder } from './model/model-folder.ts';
import type { TokenPooling } from './model/pooling-config.ts';
import { pool } from './pooling.ts';
import type { Prompt } from './prompts.ts';
import type { Session, SessionOptions } from './session.ts';
import { Tokens } from './tokens.ts';

/** Where a session reads its embeddings, and how. */
interface Reading {
  readonly inputs: readonly Input[];
  readonly output: string;
  /** Undefined: the graph pools by itself. */
  readonly modes: readonly TokenPooling[] | undefined;
}

/** One onnxruntime session with its tokenizer; lives in a worker, because `run` blocks its thread. */
export class OnnxSession implements Session {
  readonly #session: InferenceSession;
  readonly #tokens: Tokens;
  readonly #options: SessionOptions;
  readonly #reading: Reading;
  readonly #finish: Finish;

  private constructor(session: InferenceSession, options: SessionOptions, reading: Reading, pooled: number) {
    this.#session = session;
    this.#tokens = new Tokens(options.folder);
    this.#options = options;
    this.#reading = reading;
    this.#finish = new Finish(options.folder, pooled, options.normalize);
  }

  /** @throws NestbitError `MODEL_INVALID` */
  static async open(options: SessionOptions): Promise<OnnxSession> {
    const { folder, threads } = options;
    const path = folder.weightsPath;
    const settings = { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 } as const;
    const session = await InferenceSession.create(path, settings).catch((cause) => {
      throw invalid(`onnxruntime cannot open ${path} (${(cause as Error).message})`, cause);
    });
    const inputs = graphInputs(session, folder);
    const output = graphOutput(session.outputNames, modulesInside(folder, session.outputNames), path);
    const modes = output.pooled ? undefined : poolingModesOf(folder.pooling);
    const reading = { inputs, output: output.name, modes };
    // Only a run tells the true shape of the output.
    const probe = await run(session, reading, [[0]], new Tokens(folder), 0).catch((cause) => {
      if (cause instanceof NestbitError) throw cause;
      throw invalid(`${path} fails on a text of one token (${(cause as Error).message})`, cause);
    });
    const rank = output.pooled ? 2 : 3;
    const width = probe.dims[rank - 1];
    if (probe.dims.length !== rank)
      throw invalid(`the output ${output.name} of ${path} has shape (${probe.dims}), not ${rank} axes`);
    if (!output.pooled && width === folder.config['vocab_size'] && width !== folder.config['hidden_size'])
      throw invalid(
        `the output ${output.name} of ${path} has ${width} values a token, one for each word: it is no hidden state`,
      );
    // What the graph has pooled has been through the modules.
    const inside = output.pooled ? { ...options, folder: { ...folder, steps: [] } } : options;
    const made = new OnnxSession(session, inside, reading, width * (modes?.length ?? 1));
    const { dimensions: wanted } = folder.missing ?? {};
    if (wanted !== undefined && width !== wanted)
      throw invalid(`${path} gives ${width} values in ${output.name}, and its modules give ${wanted}`);
    return made;
  }

  get dimensions(): number {
    return this.#finish.dimensions;
  }

  /** Batches are of similar length. */
  async encode(
    texts: readonly string[],
    prompt: Prompt,
    stopped: () => boolean = () => false,
  ): Promise<Float32Array<ArrayBuffer> | undefined> {
    const n = this.dimensions;
    const { folder, batchTokens } = this.#options;
    const tokens = texts.map((text) => this.#tokens.encode(prompt.text + text));
    const skip = folder.includePrompt ? 0 : this.#tokens.promptLength(prompt.text);
    const order = [...tokens.keys()].sort((a, b) => tokens[a].length - tokens[b].length);
    const out = new Float32Array(texts.length * n);
    for (let start = 0; start < order.length; ) {
      if (stopped()) return undefined;
      let end = start + 1;
      while (end < order.length && (end + 1 - start) * tokens[order[end]].length <= batchTokens) end++;
      const batch = order.slice(start, end);
      const pooled = await this.#pooled(
        batch.map((text) => tokens[text]),
        skip,
        prompt.task,
      );
      batch.forEach((text, row) => {
        out.set(this.#finish.run(pooled[row]), text * n);
      });
      start = end;
    }
    return out;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  async #pooled(batch: number[][], skip: number, task: number | undefined): Promise<Float32Array[]> {
    const { inputs, modes } = this.#reading;
    if (task === undefined && inputs.some(({ role }) => role === 'task_id')) throw this.#taskMissing();
    const { data, dims } = await run(this.#session, this.#reading, batch, this.#tokens, task ?? 0);
    const width = dims[dims.length - 1];
    if (modes === undefined) return batch.map((_, row) => data.slice(row * width, (row + 1) * width));
    const lengths = batch.map((ids) => ids.length);
    return pool(modes, data, lengths, dims[1], width, this.#tokens.paddingSide, skip);
  }

  #taskMissing(): NestbitError {
    return new NestbitError(
      'USAGE',
      `The model encodes for a task, and no prompt names one; give the prompt ${this.#options.folder.tasks.join(', ')}.`,
    );
  }
}

/** Where the weights of modules are missing, only an output that has been through them will do. */
function modulesInside(folder: ModelFolder, outputs: readonly string[]): ModelFolder['pooling'] {
  if (folder.missing === undefined) return folder.pooling;
  if (outputs.includes('sentence_embedding')) return 'output';
  throw invalid(
    `${folder.missing.file} does not exist, and ${folder.weightsPath} has no output sentence_embedding that went ` +
      'through that module; bring the file (from pytorch_model.bin: safetensors.torch.save_file(torch.load(…), …)), or ' +
      'set pooling to output if the graph pools by itself',
  );
}

function poolingModesOf(pooling: ModelFolder['pooling']): readonly TokenPooling[] {
  return pooling === undefined || pooling === 'output' ? ['mean'] : pooling;
}

async function run(
  session: InferenceSession,
  { inputs, output }: Reading,
  batch: readonly (readonly number[])[],
  { paddingSide: padding, padId }: Tokens,
  task: number,
): Promise<{ data: Float32Array; dims: readonly number[] }> {
  const feeds = makeFeeds(inputs, batch, { padding, padId, task });
  const { [output]: result } = await session.run(feeds, [output]);
  return { data: floats(result), dims: result.dims };
}

function floats(tensor: Tensor): Float32Array {
  if (tensor.type === 'float32') return tensor.data as Float32Array;
  if (tensor.type === 'float16') {
    const { buffer, byteOffset, byteLength } = tensor.data as unknown as Uint16Array;
    return toFloat32(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength), 'float16');
  }
  throw invalid(`the model's output is of type ${tensor.type}, not float32 or float16`);
}
