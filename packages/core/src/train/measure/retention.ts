import type { PairSet } from '../data/pair-set.ts';

/** What is left of a model's quality at each width. */
export interface Retention {
  /**
   * `MRR@10`: the mean over held-out pairs of 1 / rank of the anchor's own positive among all their positives, 0 below
   * rank 10. `Spearman`: the rank correlation of cosines and scores.
   */
  readonly metric: 'MRR@10' | 'Spearman';
  /** Held-out pairs that it was measured on; of fewer than 20 pairs none are held out, and the values are 0. */
  readonly pairs: number;
  /** In the order of the model's dimensions, the widest first. */
  readonly byDimensions: readonly { readonly dimensions: number; readonly value: number }[];
}

/** Measures a table of token rows, vocabulary × width, on held-out pairs cut to each width. */
export function measureRetention(
  table: Float32Array,
  held: PairSet,
  dimensions: readonly number[],
): Retention {
  const width = dimensions[0];
  const embed = (text: number): Float32Array => {
    const out = new Float32Array(width);
    for (const id of held.ids.subarray(held.starts[text], held.starts[text + 1])) {
      for (let i = 0; i < width; i++) out[i] += table[id * width + i];
    }
    return out;
  };
  const anchors = Array.from(held.anchors, embed);
  const positives = Array.from(held.positives, embed);
  const metric = held.scores === undefined ? 'MRR@10' : 'Spearman';
  return {
    metric,
    pairs: anchors.length,
    byDimensions: dimensions.map((n) => {
      const a = anchors.map((row) => unit(row, n));
      const b = positives.map((row) => unit(row, n));
      const value =
        held.scores === undefined
          ? reciprocalRank(a, b)
          : spearman(
              a.map((row, i) => dot(row, b[i])),
              held.scores,
            );
      return { dimensions: n, value: Math.round(value * 1e4) / 1e4 };
    }),
  };
}

function reciprocalRank(anchors: Float32Array[], positives: Float32Array[]): number {
  let sum = 0;
  for (const [i, anchor] of anchors.entries()) {
    const own = dot(anchor, positives[i]);
    // A positive that is as near counts as nearer, so that a model that gives all texts one vector scores nothing.
    const rank = positives.reduce((count, row, k) => count + (k !== i && dot(anchor, row) >= own ? 1 : 0), 1);
    if (rank <= 10) sum += 1 / rank;
  }
  return anchors.length === 0 ? 0 : sum / anchors.length;
}

function spearman(x: readonly number[], y: Float64Array): number {
  const a = ranks(x);
  const b = ranks(y);
  const mean = (x.length + 1) / 2;
  let [covariance, varianceA, varianceB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    covariance += (a[i] - mean) * (b[i] - mean);
    varianceA += (a[i] - mean) ** 2;
    varianceB += (b[i] - mean) ** 2;
  }
  return covariance / Math.sqrt(varianceA * varianceB) || 0;
}

/** Ranks from 1; equal values share the mean of theirs. */
function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((i, j) => values[i] - values[j]);
  const out = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let at = start; at < end; at++) out[order[at]] = (start + 1 + end) / 2;
    start = end;
  }
  return out;
}

function unit(row: Float32Array, n: number): Float32Array {
  const out = row.slice(0, n);
  const norm = Math.sqrt(dot(out, out));
  return norm === 0 ? out : out.map((value) => value / norm);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
