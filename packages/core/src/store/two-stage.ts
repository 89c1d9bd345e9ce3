import { refineTable } from '../codec/refine.ts';
import type { PreparedQuery } from '../codec/types.ts';
import { rescoreKernel } from './rescore-kernel.ts';
import { best } from './select.ts';

/** Rows with their scores, best first. */
export interface Ranked {
  readonly rows: Uint32Array;
  readonly scores: Float64Array;
}

/** Gives each of some rows its score: writes rows.length values to `scores`. */
export type Scorer = (rows: Uint32Array, scores: Float64Array) => void;

/**
 * Refine: the best `count` of the Hamming candidates by the float query against their bits.
 *
 * @param bits packed rows
 */
export function refine(
  query: PreparedQuery,
  bits: Uint8Array,
  candidates: Uint32Array,
  count: number,
): Ranked {
  return rank(refineScorer(query, bits), candidates, count);
}

/**
 * Rescore: the best `count` of some candidates by the float query against their int8 copies.
 *
 * @param int8 rows × dimensions
 */
export function rescore(
  query: PreparedQuery,
  int8: Int8Array,
  candidates: Uint32Array,
  count: number,
): Ranked {
  return rank(rescoreScorer(query, int8), candidates, count);
}

/**
 * The same of rows that lie apart.
 *
 * @param codes int8 copies of the candidates, a row each
 */
export function rescoreApart(query: PreparedQuery, codes: readonly Uint8Array[], count: number): Ranked {
  const scores = new Float64Array(codes.length);
  rescoreKernel(query.rescoreWeights.length).scoresOf(query, (row) => codes[row], scores);
  return best(Uint32Array.from(codes.keys()), scores, count);
}

/** The scores of the refine, one table look-up a byte of bits. */
export function refineScorer(query: PreparedQuery, bits: Uint8Array): Scorer {
  const bytes = query.refineWeights.length >> 3;
  const table = refineTable(query.refineWeights);
  return (rows, scores) => {
    for (let at = 0; at < rows.length; at++) {
      const start = rows[at] * bytes;
      let score = 0;
      for (let i = 0; i < bytes; i++) score += table[(i << 8) | bits[start + i]];
      scores[at] = score;
    }
  };
}

/** The scores of the rescore. */
export function rescoreScorer(query: PreparedQuery, int8: Int8Array): Scorer {
  const n = query.rescoreWeights.length;
  const kernel = rescoreKernel(n);
  return (rows, scores) =>
    kernel.scoresOf(query, (at) => int8.subarray(rows[at] * n, (rows[at] + 1) * n), scores);
}

function rank(scorer: Scorer, candidates: Uint32Array, count: number): Ranked {
  const scores = new Float64Array(candidates.length);
  scorer(candidates, scores);
  return best(candidates, scores, count);
}
