import type { Following } from '../follow/following.ts';

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
export interface Follow extends Following {
  /** Whether writers append their changes; an older nestbit's triggers write into the queue. */
  readonly appends: boolean;
  /** Only for columns of text. */
  readonly encoder?: TextEncoder | undefined;
  readonly prompt?: string | undefined;
}
