import type { Codes, Id } from '../codec/types.ts';
import { NestbitError, wrongType } from '../errors.ts';
import type { Payload } from './payload.ts';
import type { Batch } from './store.ts';

/** An id as callers give it. A safe integer stands for the bigint of the same value: `5` is `5n`. */
export type IdInput = Id | number;

/** Vectors as callers give them: rows × width flat and row-major, one vector, or one array for each vector. */
export type VectorInput = Float32Array | readonly number[] | readonly (readonly number[] | Float32Array)[];

/** A batch as callers give it: see `Batch`, whose ids are bigints and strings and whose embeddings are flat. */
export type BatchInput = {
  readonly ids: readonly IdInput[];
  readonly payloads?: readonly (Payload | undefined)[];
} & ({ readonly embeddings: VectorInput } | { readonly codes: Codes });

/** Returns the ids with safe integers as bigints. Everything else stays as it is, for the checks of ids to refuse. */
export function takeIds(ids: readonly IdInput[]): Id[] {
  return ids.map((id) => (typeof id === 'number' && Number.isSafeInteger(id) ? BigInt(id) : (id as Id)));
}

/**
 * Returns vectors flat and row-major. A Float32Array is returned as it is, not copied; so is anything that is no
 * array, for `rowsOf` to refuse.
 *
 * @param width values of one vector
 * @throws NestbitError `BATCH_SHAPE` for a row of another width; TypeError for values that are not numbers
 */
export function flatVectors(vectors: VectorInput, width: number): Float32Array {
  if (!Array.isArray(vectors)) return vectors as Float32Array;
  const single = vectors.length > 0 && typeof vectors[0] === 'number';
  const rows: readonly unknown[] = single ? [vectors] : vectors;
  const flat = new Float32Array(rows.length * width);
  for (let row = 0; row < rows.length; row++) setRow(flat, row, rows[row], width);
  return flat;
}

/** Returns the one query that `searchOne` was given. @throws as `flatVectors` */
export function oneQuery(query: Float32Array | readonly number[], width: number): Float32Array {
  const flat = flatVectors(query, width);
  if (!(flat instanceof Float32Array)) throw wrongType('query must be a Float32Array or an array of numbers');
  checkWidth(flat.length, 0, width);
  return flat;
}

/** Returns the batch with its embeddings flat, where it has any. */
export function flatBatch(batch: BatchInput, width: number): Batch {
  if (!('embeddings' in batch) || !Array.isArray(batch.embeddings)) return batch as Batch;
  return { ...batch, embeddings: flatVectors(batch.embeddings, width) } as Batch;
}

function setRow(flat: Float32Array, row: number, values: unknown, width: number): void {
  if (values instanceof Float32Array) {
    checkWidth(values.length, row, width);
    flat.set(values, row * width);
    return;
  }
  if (!Array.isArray(values))
    throw wrongType(`row ${row} must be a Float32Array or an array of numbers, got ${typeof values}`);
  checkWidth(values.length, row, width);
  for (let i = 0; i < width; i++) {
    const value: unknown = values[i];
    if (typeof value !== 'number')
      throw wrongType(
        `row ${row} must be a Float32Array or an array of numbers, but value ${i} is a ${typeof value}`,
      );
    flat[row * width + i] = value;
  }
}

function checkWidth(length: number, row: number, width: number): void {
  if (length === width) return;
  throw new NestbitError(
    'BATCH_SHAPE',
    `Row ${row} has ${length} values, the codec reads ${width}: give the model's full width, before truncation.`,
  );
}
