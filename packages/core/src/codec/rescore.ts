import { type CopyKind, copyCodes } from './copies.ts';
import type { PreparedQuery } from './types.ts';

/** A query folded for the rescore. */
export interface FoldedQuery {
  /** Integers, shape (dimensions): every partial sum with the codes of a copy stays below 2^53. */
  readonly weights: Float64Array;
  readonly scale: number;
  readonly bias: number;
}

/**
 * Folds the per-dimension ranges of a calibrated copy into a query: `Σ q_i (lo_i + (c_i + 128.5) step_i)` is one dot
 * product with the codes and a bias. A constant dimension stands for `lo`, so its codes do not count. The weights are
 * integers of a power-of-two unit, as fine as keeps every partial sum below 2^53: then the dot product is exact,
 * whatever the order of additions, and scores are the same in every store.
 *
 * @param query shape (dimensions), length 1
 * @param ranges shape (2, dimensions)
 * @param step of each dimension, 0 where it is constant
 */
export function foldCalibrated(query: Float32Array, ranges: Float32Array, step: Float32Array): FoldedQuery {
  const n = query.length;
  const weights = new Float64Array(n);
  let bias = 0;
  for (let i = 0; i < n; i++) {
    weights[i] = query[i] * step[i];
    bias += query[i] * (ranges[i] + 128.5 * step[i]);
  }
  return { ...wholeWeights(weights, 128), bias };
}

/**
 * Folds a centred and rotated query for a copy with one scale a row.
 *
 * @param query `R(q − μ)`, shape (dimensions)
 * @param constant what all rows of this query share: `⟨q, μ⟩ + (1 − ‖μ‖²) / 2`
 */
export function foldRotated(query: Float32Array, kind: CopyKind, constant: number): FoldedQuery {
  const folded = wholeWeights(new Float64Array(query), kind === 'int16' ? 32_768 : 128);
  return { ...folded, bias: constant };
}

/**
 * The rescore score of one stored row, cosine similarity with its copy: for a calibrated copy the dot product with
 * the de-scaled codes; else `⟨R(q − μ), y⟩ − r² / 2` and the query's constant. Not yet clamped.
 *
 * @param copies rows × copyBytes(kind)
 */
export function rescoreScore(
  query: PreparedQuery,
  kind: Exclude<CopyKind, 'none'>,
  copy: Uint8Array,
): number {
  const weights = query.rescoreWeights;
  const codes = copyCodes(copy, kind, weights.length);
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i] * codes[i];
  if (kind === 'calibrated') return sum * query.rescoreScale + query.rescoreBias;
  const view = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
  const scale = view.getFloat32(copy.length - 8, true);
  const half = view.getFloat32(copy.length - 4, true);
  return sum * query.rescoreScale * scale - half + query.rescoreBias;
}

/** A cosine lies in [−1, 1]; an estimate can pass that by its error. */
export function clampScore(score: number): number {
  return Math.min(1, Math.max(-1, score));
}

// Rounds weights to integers of a power-of-two unit: Σ |w| × largest plus the rounding of n weights is below 2^53.
// In place.
function wholeWeights(weights: Float64Array, largest: number): { weights: Float64Array; scale: number } {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += Math.abs(weights[i]);
  const room = 2 ** 53 - largest * weights.length;
  const unit = total === 0 ? 1 : 2 ** Math.floor(Math.log2(room / (largest * total)));
  for (let i = 0; i < weights.length; i++) weights[i] = Math.round(weights[i] * unit);
  return { weights, scale: 1 / unit };
}
