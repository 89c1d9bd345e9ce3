import type { ModelFolder } from './model/model-folder.ts';
import { OnnxSession } from './onnx-session.ts';
import type { Prompt } from './prompts.ts';
import { StaticSession } from './static-session.ts';

/** What a worker needs to encode; plain data. */
export interface SessionOptions {
  readonly folder: ModelFolder;
  /** The table of a static model, vocabulary × width, and what goes with it. */
  readonly table: StaticTable | undefined;
  readonly threads: number;
  readonly batchTokens: number;
  readonly normalize: boolean;
}

/** The tensors of a static model, shared by all workers. */
export interface StaticTable {
  /** rows × width */
  readonly rows: Float32Array;
  readonly width: number;
  /** A factor for each token id; undefined: 1. */
  readonly weights: Float32Array | undefined;
  /** The row of each token id; undefined: the id itself. */
  readonly mapping: Int32Array | undefined;
}

/** An open model in a worker. */
export interface Session {
  /** Width of the embeddings, in values. */
  readonly dimensions: number;
  /**
   * Embeddings of some texts in their order: texts × dimensions.
   *
   * @param stopped asked between batches; true ends the work with undefined
   */
  encode(
    texts: readonly string[],
    prompt: Prompt,
    stopped?: () => boolean,
  ): Promise<Float32Array<ArrayBuffer> | undefined>;
  close(): Promise<void>;
}

/** @throws NestbitError `MODEL_INVALID` */
export async function openSession(options: SessionOptions): Promise<Session> {
  return options.table === undefined
    ? await OnnxSession.open(options)
    : new StaticSession(options, options.table);
}
