import { addCosineGradient, type LossResult, unitRows } from './ranking.ts';

/**
 * CoSENT (Su 2022, kexue.fm/archives/8847) for scored pairs: wherever pair i has a higher score than pair j, its cosine
 * is to be higher too: `log(1 + Σ_{score i > score j} e^{s (cos j − cos i)})`. Inputs need not be normalized: batch ×
 * width each, one score a pair. Pairs sorted by score make the double sum one pass (prefix sums), O(batch log batch).
 */
export function cosentLoss(
  anchors: ArrayLike<number>,
  positives: ArrayLike<number>,
  scores: ArrayLike<number>,
  width: number,
  scale: number,
): LossResult {
  const batch = scores.length;
  const a = unitRows(anchors, width);
  const b = unitRows(positives, width);
  const cos = new Float64Array(batch);
  for (let i = 0; i < batch; i++) {
    for (let t = i * width; t < (i + 1) * width; t++) cos[i] += a.rows[t] * b.rows[t];
  }
  const order = Uint32Array.from({ length: batch }, (_, i) => i).sort((i, j) => scores[i] - scores[j]);
  const up = cos.map((value) => scale * value);
  const down = cos.map((value) => -scale * value);
  // Logarithms of the sums over all pairs of a lower score, and over all of a higher one; pairs of the same score are not
  // compared. The sums themselves overflow where cosines differ much and the scale is large.
  const lower = logSumsBefore(order, scores, up);
  const higher = logSumsBefore(order.slice().reverse(), scores, down);
  // log(1 + Σ …): the 1 is e⁰.
  let loss = 0;
  for (let i = 0; i < batch; i++) loss = logAdd(loss, down[i] + lower[i]);
  const result = { anchors: new Float64Array(batch * width), positives: new Float64Array(batch * width) };
  for (let i = 0; i < batch; i++) {
    const byCos = scale * (Math.exp(up[i] + higher[i] - loss) - Math.exp(down[i] + lower[i] - loss));
    addCosineGradient(byCos, cos[i], a, i, b, i, width, result);
  }
  return { loss, ...result };
}

/** For every pair log Σ e^value over those before it in the order whose score differs from its own. */
function logSumsBefore(order: Uint32Array, scores: ArrayLike<number>, values: Float64Array): Float64Array {
  const sums = new Float64Array(order.length);
  let sum = Number.NEGATIVE_INFINITY;
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && scores[order[end]] === scores[order[start]]) sums[order[end++]] = sum;
    for (; start < end; start++) sum = logAdd(sum, values[order[start]]);
  }
  return sums;
}

/** log(eᵃ + eᵇ), without an overflow. */
function logAdd(a: number, b: number): number {
  const larger = Math.max(a, b);
  return larger === Number.NEGATIVE_INFINITY
    ? larger
    : larger + Math.log1p(Math.exp(Math.min(a, b) - larger));
}
