import type { LossResult } from './ranking.ts';

/**
 * The Matryoshka loss (Kusupati et al. 2022, arXiv:2205.13147): the weighted sum of a loss over the first n values of
 * every embedding, for each n of `dimensions`; each prefix is normalized by itself inside the loss. One forward pass
 * makes the embeddings for all of them.
 *
 * @param weights one a prefix; default 1 each
 */
export function matryoshkaLoss(
  loss: (anchors: Float64Array, positives: Float64Array, width: number) => LossResult,
  anchors: ArrayLike<number>,
  positives: ArrayLike<number>,
  width: number,
  dimensions: readonly number[],
  weights: readonly number[] = dimensions.map(() => 1),
): LossResult {
  const total = {
    loss: 0,
    anchors: new Float64Array(anchors.length),
    positives: new Float64Array(positives.length),
  };
  dimensions.forEach((n, p) => {
    const part = loss(prefix(anchors, width, n), prefix(positives, width, n), n);
    total.loss += weights[p] * part.loss;
    for (const side of ['anchors', 'positives'] as const) {
      for (let i = 0; i < part[side].length; i++) {
        total[side][Math.floor(i / n) * width + (i % n)] += weights[p] * part[side][i];
      }
    }
  });
  return total;
}

/** The first n values of every row. */
function prefix(x: ArrayLike<number>, width: number, n: number): Float64Array {
  return Float64Array.from(
    { length: (x.length / width) * n },
    (_, i) => x[Math.floor(i / n) * width + (i % n)],
  );
}
