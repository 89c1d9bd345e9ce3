/** Stable names of everything that can be wrong with input, files or codes. */
export type NestbitErrorCode =
  | 'ABORTED'
  | 'ADDON_MISSING'
  | 'BATCH_EMPTY'
  | 'BATCH_SHAPE'
  | 'CALIBRATION_EMPTY'
  | 'CALIBRATION_MISMATCH'
  | 'CHECKPOINT_MISMATCH'
  | 'CODEC_CORRUPT'
  | 'CODEC_MISMATCH'
  | 'CODEC_VERSION'
  | 'COLUMN_NOT_FOUND'
  | 'CONNECTION_LOST'
  | 'DATABASE_FAILED'
  | 'DATABASE_FULL'
  | 'DATASET_INVALID'
  | 'DIMENSIONS'
  | 'ENCODER_CLOSED'
  | 'ENCODER_FAILED'
  | 'EXTENSION_MISSING'
  | 'FAISS_FAILED'
  | 'FILE_NOT_FOUND'
  | 'FILE_WRITE'
  | 'FILTER_FIELD'
  | 'FILTER_OPERATOR'
  | 'FILTER_VALUE'
  | 'ID_DUPLICATE'
  | 'ID_INVALID'
  | 'ID_TYPE'
  | 'INDEX_INVALID'
  | 'JSONL_INVALID'
  | 'MODEL_INVALID'
  | 'NPY_INVALID'
  | 'NPY_UNSUPPORTED'
  | 'OUT_OF_MEMORY'
  | 'PAYLOAD_INVALID'
  | 'PERMISSION_DENIED'
  | 'SEARCH_LIMIT'
  | 'SERVER_TOO_OLD'
  | 'STORE_CLOSED'
  | 'STORE_DAMAGED'
  | 'STORE_EXISTS'
  | 'STORE_FAILED'
  | 'STORE_LOCKED'
  | 'STORE_NOT_FOUND'
  | 'STORE_READ_ONLY'
  | 'TABLE_NOT_FOUND'
  | 'THREAD_LIMIT'
  | 'TIMEOUT'
  | 'TRAINING_DIVERGED'
  | 'UNSUPPORTED'
  | 'USAGE'
  | 'VECTOR_NOT_FINITE'
  | 'VECTOR_ZERO';

/**
 * The one error class of nestbit for bad input, bad files and failures of the parts below it. The message
 * gives what was found, what was expected and the way out; `cause` is kept. Misuse that no data can cause
 * (an option of the wrong type) is a `TypeError` or `RangeError` instead, with the code `USAGE`.
 */
export class NestbitError extends Error {
  readonly code: NestbitErrorCode;

  constructor(code: NestbitErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NestbitError';
    this.code = code;
  }
}

/** Throws `ABORTED` (with the signal's reason as its cause) when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new NestbitError('ABORTED', 'The operation was aborted by its AbortSignal.', {
      cause: signal.reason,
    });
  }
}

/** A `TypeError` or `RangeError` with a stable code, so that every error of nestbit can be told by its `code`. */
export type Misuse<E extends Error> = E & { readonly code: 'USAGE' };

/** Misuse by a value of the wrong type; the message names the option. */
export function wrongType(message: string): Misuse<TypeError> {
  return Object.assign(new TypeError(message), { code: 'USAGE' as const });
}

/** Misuse by a value outside its range; the message names the option. */
export function outOfRange(message: string): Misuse<RangeError> {
  return Object.assign(new RangeError(message), { code: 'USAGE' as const });
}
