import type { PreparedQuery } from './types.ts';

/** A query folded for rescoring: score = Σ weights × codes × scale + bias. */
export interface FoldedQuery {
  readonly weights: Float64Array;
  readonly scale: number;
  readonly bias: number;
}

/**
 * Folds the per-dimension steps into a query once: `Σ q_i (lo_i + (c_i + 128.5) step_i)` is one dot product
 * with the codes and a bias. The weights are rounded to integers of a power-of-two unit, as fine as keeps
 * every partial sum below 2^53: then the dot product is exact, whatever the order of additions, and scores
 * are the same in every store.
 *
 * @param query shape (dimensions), length 1
 * @param lo, step shape (dimensions)
 */
export function foldQuery(query: Float32Array, lo: Float32Array, step: Float32Array): FoldedQuery {
  const n = query.length;
  let bias = 0;
  let total = 0;
  for (let i = 0; i < n; i++) {
    bias += query[i] * (lo[i] + 128.5 * step[i]);
    total += Math.abs(query[i] * step[i]);
  }
  // Σ |w| × 128 plus the rounding of n weights must stay below 2^53.
  const unit = total === 0 ? 1 : 2 ** Math.floor(Math.log2((2 ** 53 - 128 * n) / (128 * total)));
  const weights = new Float64Array(n);
  for (let i = 0; i < n; i++) weights[i] = Math.round(query[i] * step[i] * unit);
  return { weights, scale: 1 / unit, bias };
}

/**
 * The rescore score of one stored row: the dot product of the query with the dequantized int8 copy.
 *
 * @param int8 rows × dimensions
 */
export function rescoreScore(query: PreparedQuery, int8: Int8Array, row: number): number {
  const weights = query.rescoreWeights;
  const start = row * weights.length;
  // Four sums at once, since none waits for another: they are exact, and so is what they add up to.
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < weights.length; i += 4) {
    a += weights[i] * int8[start + i];
    b += weights[i + 1] * int8[start + i + 1];
    c += weights[i + 2] * int8[start + i + 2];
    d += weights[i + 3] * int8[start + i + 3];
  }
  const sum = a + b + c + d;
  return sum * query.rescoreScale + query.rescoreBias;
}
