import type { Layout } from './layout.ts';
import type { Team } from './team.ts';
import type { TrainKernels } from './wasm.ts';

/**
 * The ranking loss of the embeddings in `x` and its derivatives in `d`; every thread calls it (losses/ranking.ts and
 * losses/matryoshka.ts are the definition). The products of a pair are summed once for all prefixes, and the
 * derivatives of all prefixes are gathered before they are multiplied out, so that the cost is that of the full width.
 */
export function rankingPhases(kernels: TrainKernels, team: Team, layout: Layout, scale: number): void {
  const { batch, width, dimensions, x, d, dims, cos, ex, inverseA, inverseB } = layout;
  const prefixes = dimensions.length;
  const positives = x + batch * width * 4;
  const positivesD = d + batch * width * 4;
  const [from, to] = team.part(batch, 8);
  const pack = layout.scratch + team.thread * layout.scratchBytes;

  kernels.inverseNorms(x, batch, from, to, width, dims, prefixes, inverseA);
  kernels.inverseNorms(positives, batch, from, to, width, dims, prefixes, inverseB);
  kernels.transpose(positives, batch, from, to, width, layout.transposed);
  team.barrier();
  const { rowSums, columnSums, rowDots, columnDots, diagonal, transposed, weights } = layout;
  kernels.similarity(
    x,
    transposed,
    batch,
    from,
    to,
    width,
    dims,
    prefixes,
    inverseA,
    inverseB,
    scale,
    cos,
    ex,
    rowSums,
    diagonal,
  );
  team.barrier();
  kernels.columnSums(ex, batch, from, to, prefixes, columnSums);
  if (layout.oneWay === true) dropColumns(team.buffer, layout, from, to);
  team.barrier();
  kernels.derivative(
    cos,
    ex,
    batch,
    from,
    to,
    prefixes,
    weights,
    rowSums,
    columnSums,
    inverseA,
    inverseB,
    rowDots,
  );
  blocks((p, start, length) => {
    const h = ex + p * batch * batch * 4;
    kernels.multiply(
      h,
      batch,
      1,
      positives + start * 4,
      width,
      d + start * 4,
      width,
      from,
      to,
      length,
      batch,
      pack,
    );
  });
  kernels.project(d, x, batch, from, to, width, dims, prefixes, inverseA, rowDots);
  team.barrier();
  kernels.columnSums(cos, batch, from, to, prefixes, columnDots);
  blocks((p, start, length) => {
    const h = ex + p * batch * batch * 4;
    kernels.multiply(
      h,
      1,
      batch,
      x + start * 4,
      width,
      positivesD + start * 4,
      width,
      from,
      to,
      length,
      batch,
      pack,
    );
  });
  kernels.project(positivesD, positives, batch, from, to, width, dims, prefixes, inverseB, columnDots);
  team.barrier();

  function blocks(each: (p: number, start: number, length: number) => void): void {
    dimensions.forEach((end, p) => {
      const start = p === 0 ? 0 : dimensions[p - 1];
      each(p, start, end - start);
    });
  }
}

/**
 * Leaves only the rows' part of the loss: e / rowSum + e / columnSum − 2 [i = k] becomes twice e / rowSum − [i = k], the
 * derivative of a loss that is a mean over the rows instead of one over rows and columns.
 */
function dropColumns(buffer: SharedArrayBuffer, layout: Layout, from: number, to: number): void {
  layout.dimensions.forEach((_, p) => {
    const at = (p * layout.batch + from) * 4;
    new Float32Array(buffer, layout.columnSums + at, to - from).fill(Number.POSITIVE_INFINITY);
    const rows = new Float32Array(buffer, layout.rowSums + at, to - from);
    for (let i = 0; i < rows.length; i++) rows[i] /= 2;
  });
}

/**
 * The loss of the step that was just made, from the diagonal and the sums: what losses/ranking.ts gives.
 *
 * @param weights one a prefix
 */
export function rankingLoss(
  buffer: SharedArrayBuffer,
  layout: Layout,
  scale: number,
  weights: readonly number[],
): number {
  const { batch, anchors = batch, oneWay = false } = layout;
  const values = (at: number): Float32Array => new Float32Array(buffer, at, weights.length * batch);
  const [diagonal, rows, columns] = [layout.diagonal, layout.rowSums, layout.columnSums].map(values);
  let loss = 0;
  weights.forEach((weight, p) => {
    let sum = 0;
    for (let i = p * batch; i < p * batch + anchors; i++) {
      // One way the sums of the rows were halved, and stand for both.
      const sums = oneWay ? 2 * Math.log(2 * rows[i]) : Math.log(rows[i]) + Math.log(columns[i]);
      sum += sums - 2 * scale * (diagonal[i] - 1);
    }
    // A prefix that was left out of this step counts as nothing, whatever its values.
    if (weight !== 0) loss += (weight * sum) / (2 * anchors);
  });
  return loss;
}
