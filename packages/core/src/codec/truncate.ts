import { NestbitError } from '../errors.ts';
import type { Id } from './types.ts';

/**
 * Keeps the first `dimensions` values of each row and scales them to length 1: `x / fround(√Σx²)`, the sum
 * in float64. Rows whose squares already sum to 1 ± 1e-6 stay as they are.
 *
 * This is the definition; the codec runs the same in WebAssembly.
 *
 * @param embeddings rows × inputDimensions, row-major
 * @returns rows × dimensions
 * @throws NestbitError `VECTOR_NOT_FINITE`, `VECTOR_ZERO`, naming the id (or the row)
 */
export function truncate(
  embeddings: Float32Array,
  inputDimensions: number,
  dimensions: number,
  ids?: readonly Id[],
): Float32Array {
  const rows = embeddings.length / inputDimensions;
  const out = new Float32Array(rows * dimensions);
  for (let row = 0; row < rows; row++) {
    const from = row * inputDimensions;
    const x = out.subarray(row * dimensions, (row + 1) * dimensions);
    x.set(embeddings.subarray(from, from + dimensions));
    const reason = normalize(x);
    if (reason !== 0) throw badVector(reason, row, ids);
  }
  return out;
}

/** What keeps a vector from being normalized; the same numbers as in the kernels. */
export const ZERO = 1;
export const NOT_FINITE = 2;

function normalize(x: Float32Array): number {
  const partial = [0, 0, 0, 0];
  for (let i = 0; i < x.length; i++) partial[i & 3] += x[i] * x[i];
  const sum = partial[0] + partial[2] + (partial[1] + partial[3]);
  if (!Number.isFinite(sum)) return NOT_FINITE;
  if (sum === 0) return ZERO;
  if (Math.abs(sum - 1) < 1e-6) return 0;
  const norm = Math.sqrt(sum);
  // Lengths that float32 cannot hold are first scaled by a power of two.
  const scale = norm < 1e-30 ? 2 ** 100 : norm > 1e30 ? 2 ** -64 : 1;
  const divisor = Math.fround(norm * scale);
  for (let i = 0; i < x.length; i++) x[i] = Math.fround(x[i] * scale) / divisor;
  return 0;
}

/**
 * The error for a vector that cannot be normalized, by its id when the caller gave ids.
 *
 * @param firstRow number of the caller's first row
 */
export function badVector(
  reason: number,
  row: number,
  ids: readonly Id[] | undefined,
  firstRow = 0,
): NestbitError {
  const number = firstRow + row;
  const name = ids?.[row] === undefined ? `row ${number}` : `id ${String(ids[row])} (row ${number})`;
  return reason === ZERO
    ? new NestbitError(
        'VECTOR_ZERO',
        `The embedding of ${name} is zero in the dimensions that are kept; a direction needs at least one ` +
          'value other than 0. Leave the row out, or find out why the model gave nothing for it.',
      )
    : new NestbitError(
        'VECTOR_NOT_FINITE',
        `The embedding of ${name} holds NaN or Infinity; only finite values can be encoded. ` +
          'Leave the row out, or encode its text again.',
      );
}
