import type { Pool } from 'pg';
import type { SyncSpec } from '../follow/spec.ts';
import type { StoreRecord } from '../schema/registry.ts';

/** Turns texts into embeddings; an `Encoder` of `@nestbit/core/onnx` is one. */
export interface TextEncoder {
  /** Width of the embeddings, in values. */
  readonly dimensions: number;
  /** Names the model and all that decides its embeddings: when it changes, texts are encoded again. */
  readonly identity: string;
  /** One embedding a text, in their order: texts × dimensions. */
  encode(
    texts: readonly string[],
    options: { readonly signal?: AbortSignal; readonly prompt?: string },
  ): Promise<Float32Array>;
}

/** What a worker works on. */
export interface Follow {
  readonly pool: Pool;
  readonly sync: SyncSpec;
  readonly record: StoreRecord;
  /** Only for columns of text. */
  readonly encoder?: TextEncoder | undefined;
  readonly prompt?: string | undefined;
}
