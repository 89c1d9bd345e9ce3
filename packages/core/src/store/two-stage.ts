import { signSumTable } from '../codec/bit-score.ts';
import type { Codec } from '../codec/codec.ts';
import { clampScore } from '../codec/rescore.ts';
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

/** Rows as a search reads them: flat arrays of the widths of `codec.layout`. */
export interface CodeRows {
  readonly bits: Uint8Array;
  readonly scalars: Uint8Array;
  readonly copies: Uint8Array;
}

/** Bit score: the best `count` of the Hamming candidates by the float query against their bits and scalars. */
export function refine(
  codec: Codec,
  query: PreparedQuery,
  rows: CodeRows,
  candidates: Uint32Array,
  count: number,
): Ranked {
  return rank(bitScorer(codec, query, rows), candidates, count);
}

/** Rescore: the best `count` of some candidates by the float query against their copies. */
export function rescore(
  codec: Codec,
  query: PreparedQuery,
  rows: CodeRows,
  candidates: Uint32Array,
  count: number,
): Ranked {
  return clamped(rank(rescoreScorer(codec, query, rows), candidates, count));
}

/**
 * The same of rows that lie apart.
 *
 * @param copies of the candidates, a row each; their bit scores, in order, for a codec whose rows keep no copy
 */
export function rescoreApart(
  codec: Codec,
  query: PreparedQuery,
  copies: readonly Uint8Array[] | Float64Array,
  count: number,
): Ranked {
  const scores = new Float64Array(copies.length);
  if (copies instanceof Float64Array) {
    for (let at = 0; at < copies.length; at++) scores[at] = copies[at] * query.bitScale + query.bitBias;
  } else if (codec.copy !== 'none') {
    rescoreKernel(codec.dimensions, codec.copy).scores(query, (row) => copies[row], scores);
  }
  return clamped(best(Uint32Array.from(scores.keys()), scores, count));
}

/** The bit scores, one table look-up a byte of bits. */
export function bitScorer(codec: Codec, query: PreparedQuery, { bits, scalars }: CodeRows): Scorer {
  const bytes = codec.layout.bits;
  const table = signSumTable(query.bitWeights);
  const { bitFactors } = codec;
  const { bitOffsets } = query;
  return (rows, scores) => {
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at];
      const start = row * bytes;
      let sum = 0;
      for (let i = 0; i < bytes; i++) sum += table[(i << 8) | bits[start + i]];
      scores[at] =
        bitFactors === undefined || bitOffsets === undefined
          ? sum
          : bitFactors[scalars[2 * row]] * sum - bitOffsets[scalars[2 * row + 1]];
    }
  };
}

/** The scores of the rescore, not yet clamped; of a codec without a copy, those that the bits estimate. */
export function rescoreScorer(codec: Codec, query: PreparedQuery, codes: CodeRows): Scorer {
  const stride = codec.layout.copy;
  if (codec.copy === 'none') {
    const scorer = bitScorer(codec, query, codes);
    return (rows, scores) => {
      scorer(rows, scores);
      for (let at = 0; at < rows.length; at++) scores[at] = scores[at] * query.bitScale + query.bitBias;
    };
  }
  const kernel = rescoreKernel(codec.dimensions, codec.copy);
  const { copies } = codes;
  return (rows, scores) =>
    kernel.scores(query, (at) => copies.subarray(rows[at] * stride, (rows[at] + 1) * stride), scores);
}

/** Scores that are handed out lie in [−1, 1]; their order is that of before. */
export function clamped({ rows, scores }: Ranked): Ranked {
  return { rows, scores: scores.map(clampScore) };
}

function rank(scorer: Scorer, candidates: Uint32Array, count: number): Ranked {
  const scores = new Float64Array(candidates.length);
  scorer(candidates, scores);
  return best(candidates, scores, count);
}
