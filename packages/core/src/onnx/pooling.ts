import { firstToken } from './feeds.ts';
import type { Side } from './sides.ts';

/**
 * Pools token vectors (batch × length × dimensions) into rows of `out`.
 *
 * @param lengths tokens of each row, at least 1; the rest is padding, on the side `padding`
 * @param skip leading tokens that do not count in the mean
 */
export function pool(
  pooling: 'mean' | 'cls' | 'lasttoken',
  hidden: Float32Array,
  lengths: readonly number[],
  paddedLength: number,
  dimensions: number,
  padding: Side,
  skip: number,
  out: Float32Array,
): void {
  lengths.forEach((length, row) => {
    const target = out.subarray(row * dimensions, (row + 1) * dimensions);
    const first = row * paddedLength + firstToken(length, paddedLength, padding);
    const token = (at: number): Float32Array => {
      const start = (first + at) * dimensions;
      return hidden.subarray(start, start + dimensions);
    };
    if (pooling === 'cls') target.set(token(0));
    else if (pooling === 'lasttoken') target.set(token(length - 1));
    else mean(token, Math.min(skip, length - 1), length, target);
  });
}

function mean(token: (at: number) => Float32Array, first: number, end: number, out: Float32Array): void {
  const sums = new Float64Array(out.length);
  for (let at = first; at < end; at++) {
    const vector = token(at);
    for (let i = 0; i < sums.length; i++) sums[i] += vector[i];
  }
  for (let i = 0; i < sums.length; i++) out[i] = sums[i] / (end - first);
}

/** Scales each row to length 1; a zero row (a text without a known token) stays zero. */
export function normalizeRows(vectors: Float32Array, dimensions: number): void {
  for (let start = 0; start < vectors.length; start += dimensions) {
    const row = vectors.subarray(start, start + dimensions);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) for (let i = 0; i < dimensions; i++) row[i] /= length;
  }
}
