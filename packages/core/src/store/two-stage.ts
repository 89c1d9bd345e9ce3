import { refineTable } from '../codec/refine.ts';
import { rescoreScore } from '../codec/rescore.ts';
import type { PreparedQuery } from '../codec/types.ts';
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
  return (rows, scores) => {
    for (let at = 0; at < rows.length; at++) scores[at] = rescoreScore(query, int8, rows[at]);
  };
}

function rank(scorer: Scorer, candidates: Uint32Array, count: number): Ranked {
  const scores = new Float64Array(candidates.length);
  scorer(candidates, scores);
  return best(candidates, scores, count);
}
