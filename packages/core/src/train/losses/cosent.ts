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
  const up = cos.map((value) => Math.exp(scale * value));
  const down = cos.map((value) => Math.exp(-scale * value));
  // Sums over all pairs of a lower score, and over all of a higher one; pairs of the same score are not compared.
  const lower = sumsBefore(order, scores, up);
  const higher = sumsBefore(order.slice().reverse(), scores, down);
  let sum = 0;
  for (let i = 0; i < batch; i++) sum += down[i] * lower[i];
  const result = { anchors: new Float64Array(batch * width), positives: new Float64Array(batch * width) };
  for (let i = 0; i < batch; i++) {
    const byCos = (scale / (1 + sum)) * (up[i] * higher[i] - down[i] * lower[i]);
    addCosineGradient(byCos, cos[i], a, i, b, i, width, result);
  }
  return { loss: Math.log1p(sum), ...result };
}

/** For every pair the sum of `values` over those before it in the order whose score differs from its own. */
function sumsBefore(order: Uint32Array, scores: ArrayLike<number>, values: Float64Array): Float64Array {
  const sums = new Float64Array(order.length);
  let sum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && scores[order[end]] === scores[order[start]]) sums[order[end++]] = sum;
    for (; start < end; start++) sum += values[order[start]];
  }
  return sums;
}
