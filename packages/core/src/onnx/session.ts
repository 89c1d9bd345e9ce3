import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { NestbitError } from '../errors.ts';
import { toFloat32 } from '../files/npy-convert.ts';
import { KNOWN_INPUTS, makeFeeds } from './feeds.ts';
import { invalid, type ModelFolder, type Pooling } from './model-folder.ts';
import { normalizeRows, pool } from './pooling.ts';
import { Tokens } from './tokens.ts';

/** What a worker needs to encode; plain data. */
export interface SessionOptions {
  readonly folder: ModelFolder;
  readonly threads: number;
  readonly batchTokens: number;
  readonly normalize: boolean;
}

const POOLED_OUTPUTS = ['sentence_embedding', 'pooler_output'];

/** One onnxruntime session with its tokenizer; lives in a worker, because `run` blocks its thread. */
export class Session {
  readonly dimensions: number;
  readonly #session: InferenceSession;
  readonly #tokens: Tokens;
  readonly #options: SessionOptions;
  readonly #pooling: Pooling;
  readonly #output: string;

  private constructor(
    session: InferenceSession,
    tokens: Tokens,
    options: SessionOptions,
    pooling: Pooling,
    output: string,
    dimensions: number,
  ) {
    this.#session = session;
    this.#tokens = tokens;
    this.#options = options;
    this.#pooling = pooling;
    this.#output = output;
    this.dimensions = dimensions;
  }

  static async open(options: SessionOptions): Promise<Session> {
    const { onnxPath, pooling: wanted } = options.folder;
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(onnxPath, {
        intraOpNumThreads: options.threads,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
      });
    } catch (cause) {
      throw invalid(`onnxruntime cannot open ${onnxPath} (${(cause as Error).message})`, cause);
    }
    const unknown = session.inputNames.filter((name) => !KNOWN_INPUTS.includes(name));
    if (unknown.length > 0 || !session.inputNames.includes('input_ids')) {
      throw invalid(`${onnxPath} has the inputs ${session.inputNames}; known are ${KNOWN_INPUTS.join(', ')}`);
    }
    const pooled = POOLED_OUTPUTS.find((name) => session.outputNames.includes(name));
    const pooling = wanted ?? (pooled === 'sentence_embedding' ? 'output' : 'mean');
    const output = pooling === 'output' ? pooled : tokenOutput(session.outputNames);
    if (output === undefined) {
      throw invalid(
        `${onnxPath} has the outputs ${session.outputNames}, none of which is ${POOLED_OUTPUTS.join(' or ')}`,
      );
    }
    const tokens = new Tokens(options.folder);
    const trial = new Session(session, tokens, options, pooling, output, 0);
    // Only a run tells the true shape of the output.
    const probe = await trial.#run([[0]]).catch((cause) => {
      if (cause instanceof NestbitError) throw cause;
      throw invalid(`${onnxPath} fails on a text of one token (${(cause as Error).message})`, cause);
    });
    const rank = pooling === 'output' ? 2 : 3;
    if (probe.dims.length !== rank) {
      throw invalid(`the output ${output} of ${onnxPath} has shape (${probe.dims}), not ${rank} axes`);
    }
    return new Session(session, tokens, options, pooling, output, probe.dims[rank - 1]);
  }

  /** Embeddings of some texts in their order: texts × dimensions. Batches are of similar length. */
  async encode(texts: readonly string[], prompt: string): Promise<Float32Array> {
    const n = this.dimensions;
    const tokens = texts.map((text) => this.#tokens.encode(prompt + text));
    const skip = this.#options.folder.includePrompt ? 0 : this.#tokens.promptLength(prompt);
    const order = [...tokens.keys()].sort((a, b) => tokens[a].length - tokens[b].length);
    const out = new Float32Array(texts.length * n);
    for (let start = 0; start < order.length; ) {
      let end = start + 1;
      while (end < order.length && (end + 1 - start) * tokens[order[end]].length <= this.#options.batchTokens)
        end++;
      const batch = order.slice(start, end);
      const rows = await this.#embed(
        batch.map((text) => tokens[text]),
        skip,
      );
      batch.forEach((text, row) => {
        out.set(rows.subarray(row * n, (row + 1) * n), text * n);
      });
      start = end;
    }
    if (this.#options.normalize) normalizeRows(out, n);
    return out;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  async #embed(batch: number[][], skip: number): Promise<Float32Array> {
    const { data, dims } = await this.#run(batch);
    if (this.#pooling === 'output') return data;
    const out = new Float32Array(batch.length * this.dimensions);
    const lengths = batch.map((ids) => ids.length);
    pool(this.#pooling, data, lengths, dims[1], this.dimensions, this.#tokens.paddingSide, skip, out);
    return out;
  }

  async #run(batch: number[][]): Promise<{ data: Float32Array; dims: readonly number[] }> {
    const { paddingSide, padId } = this.#tokens;
    const feeds = makeFeeds(this.#session.inputNames, batch, paddingSide, padId);
    const { [this.#output]: result } = await this.#session.run(feeds, [this.#output]);
    return { data: floats(result), dims: result.dims };
  }
}

function floats(tensor: Tensor): Float32Array {
  if (tensor.type === 'float32') return tensor.data as Float32Array;
  if (tensor.type === 'float16') {
    const { buffer, byteOffset, byteLength } = tensor.data as unknown as Uint16Array;
    return toFloat32(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength), 'float16');
  }
  throw invalid(`the model's output is of type ${tensor.type}, not float32 or float16`);
}

function tokenOutput(names: readonly string[]): string | undefined {
  return ['last_hidden_state', 'token_embeddings'].find((name) => names.includes(name)) ?? names[0];
}
