import { refineTable } from '../codec/refine.ts';
import { rescoreScore } from '../codec/rescore.ts';
import type { PreparedQuery } from '../codec/types.ts';
import { best } from './select.ts';

/** Rows with their scores, best first. */
export interface Ranked {
  readonly rows: Uint32Array;
  readonly scores: Float64Array;
}

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
  const bytes = query.refineWeights.length >> 3;
  const table = refineTable(query.refineWeights);
  const scores = Float64Array.from(candidates, (row) => {
    const start = row * bytes;
    let score = 0;
    for (let i = 0; i < bytes; i++) score += table[(i << 8) | bits[start + i]];
    return score;
  });
  return best(candidates, scores, count);
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
  return best(
    candidates,
    Float64Array.from(candidates, (row) => rescoreScore(query, int8, row)),
    count,
  );
}
