/** A loss of a batch and its derivatives by every embedding. */
export interface LossResult {
  readonly loss: number;
  /** batch × width, by the anchors */
  readonly anchors: Float64Array;
  /** batch × width, by the positives */
  readonly positives: Float64Array;
}

/**
 * Multiple negatives ranking loss, symmetric (Henderson et al. 2017, arXiv:1705.00652; InfoNCE): of all positives of
 * the batch, an anchor's own is to have the highest cosine, and of all anchors, a positive's own.
 * `mean over pairs of ½ (−log softmax_row(s cos)[i, i] − log softmax_column(s cos)[i, i])`, s the scale (an inverse
 * temperature). Inputs need not be normalized: batch × width each. The definition; float64.
 *
 * One way it is `mean over pairs of −log softmax_row(s cos)[i, i]`, as sentence-transformers'
 * MultipleNegativesRankingLoss has it; `positives` may then have further rows, hard negatives of all anchors.
 */
export function rankingLoss(
  anchors: ArrayLike<number>,
  positives: ArrayLike<number>,
  width: number,
  scale: number,
  oneWay = false,
): LossResult {
  const batch = anchors.length / width;
  const candidates = positives.length / width;
  const a = unitRows(anchors, width);
  const b = unitRows(positives, width);
  const cos = new Float64Array(batch * candidates);
  for (let i = 0; i < batch; i++) {
    for (let k = 0; k < candidates; k++) {
      let sum = 0;
      for (let t = 0; t < width; t++) sum += a.rows[i * width + t] * b.rows[k * width + t];
      cos[i * candidates + k] = sum;
    }
  }
  const e = cos.map((value) => Math.exp(scale * (value - 1)));
  const rowSums = new Float64Array(batch);
  const columnSums = new Float64Array(candidates);
  for (let i = 0; i < batch; i++) {
    for (let k = 0; k < candidates; k++) {
      rowSums[i] += e[i * candidates + k];
      columnSums[k] += e[i * candidates + k];
    }
  }
  let loss = 0;
  const byCos = new Float64Array(batch * candidates);
  for (let i = 0; i < batch; i++) {
    const other = oneWay ? rowSums[i] : columnSums[i];
    loss += Math.log(rowSums[i]) + Math.log(other) - 2 * scale * (cos[i * candidates + i] - 1);
    for (let k = 0; k < candidates; k++) {
      const at = i * candidates + k;
      const back = e[at] / (oneWay ? rowSums[i] : columnSums[k]);
      byCos[at] = (scale / (2 * batch)) * (e[at] / rowSums[i] + back - (i === k ? 2 : 0));
    }
  }
  const result = {
    anchors: new Float64Array(batch * width),
    positives: new Float64Array(candidates * width),
  };
  for (let i = 0; i < batch; i++) {
    for (let k = 0; k < candidates; k++) {
      const at = i * candidates + k;
      addCosineGradient(byCos[at], cos[at], a, i, b, k, width, result);
    }
  }
  return { loss: loss / (2 * batch), ...result };
}

/** Rows of length 1, and the lengths they had. */
export interface UnitRows {
  readonly rows: Float64Array;
  readonly norms: Float64Array;
}

export function unitRows(x: ArrayLike<number>, width: number): UnitRows {
  const rows = Float64Array.from(x);
  const norms = new Float64Array(rows.length / width);
  for (let i = 0; i < norms.length; i++) {
    const row = rows.subarray(i * width, (i + 1) * width);
    norms[i] = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let t = 0; t < width; t++) row[t] = norms[i] === 0 ? 0 : row[t] / norms[i];
  }
  return { rows, norms };
}

/** d cos(a, b) / d a = (b̂ − cos · â) / |a|, times a factor, added to the gradients of both sides. */
export function addCosineGradient(
  factor: number,
  cos: number,
  a: UnitRows,
  i: number,
  b: UnitRows,
  k: number,
  width: number,
  out: { readonly anchors: Float64Array; readonly positives: Float64Array },
): void {
  if (a.norms[i] === 0 || b.norms[k] === 0) return;
  for (let t = 0; t < width; t++) {
    const left = a.rows[i * width + t];
    const right = b.rows[k * width + t];
    out.anchors[i * width + t] += (factor * (right - cos * left)) / a.norms[i];
    out.positives[k * width + t] += (factor * (left - cos * right)) / b.norms[k];
  }
}
