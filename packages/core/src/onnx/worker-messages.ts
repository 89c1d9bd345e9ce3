import { NestbitError, type NestbitErrorCode } from '../errors.ts';
import type { Prompt } from './prompts.ts';

export type ToWorker =
  | {
      readonly type: 'encode';
      readonly job: number;
      readonly texts: readonly string[];
      readonly prompt: Prompt;
    }
  | { readonly type: 'cancel'; readonly job: number }
  | { readonly type: 'close' };

export type FromWorker =
  | { readonly type: 'ready'; readonly dimensions: number }
  /** The model could not be opened; the thread ends. */
  | { readonly type: 'unusable'; readonly error: WorkerError }
  /** The model is freed; the thread can be ended. */
  | { readonly type: 'closed' }
  | { readonly type: 'done'; readonly job: number; readonly embeddings: Float32Array }
  | { readonly type: 'cancelled'; readonly job: number }
  | { readonly type: 'failed'; readonly job: number; readonly error: WorkerError };

/** An error on its way between threads, where it would lose its class and code. */
export interface WorkerError {
  readonly code: NestbitErrorCode;
  readonly message: string;
  readonly cause: unknown;
}

export function toWorkerError(error: unknown): WorkerError {
  if (error instanceof NestbitError) {
    return { code: error.code, message: error.message, cause: cloneable(error.cause) };
  }
  const why = error instanceof Error ? error.message : String(error);
  return {
    code: 'ENCODER_FAILED',
    message: `The model failed on these texts (${why}); check that tokenizer.json and maxLength suit the model.`,
    cause: cloneable(error),
  };
}

export function fromWorkerError({ code, message, cause }: WorkerError): NestbitError {
  return new NestbitError(code, message, { cause });
}

function cloneable(cause: unknown): unknown {
  try {
    return structuredClone(cause);
  } catch {
    return new Error(cause instanceof Error ? cause.message : String(cause));
  }
}
