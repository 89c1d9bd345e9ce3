import type { Layout } from './layout.ts';
import { rankingPhases } from './ranking-phases.ts';
import type { Team } from './team.ts';
import type { TrainKernels } from './wasm.ts';

export const BETA1 = 0.9;
export const BETA2 = 0.999;

/**
 * One step of a table of token rows, on every thread: pool the texts, the loss and its derivatives, Adam on the rows of
 * the batch's tokens. Each value is computed by one thread in one order, whatever the number of threads.
 *
 * @param alone computes loss and derivatives on the leader, when the loss is not the ranking loss
 */
export function tableStep(
  kernels: TrainKernels,
  team: Team,
  layout: Layout,
  rankingScale: number | undefined,
  alone: () => void,
): void {
  const { batch, width } = layout;
  const [from, to] = team.part(2 * batch, 8);
  kernels.pool(layout.table, layout.ids, layout.starts, from, to, width, layout.x);
  clearEmpty(team.buffer, layout, from, to);
  team.barrier();
  if (rankingScale === undefined) {
    alone();
    team.barrier();
  } else rankingPhases(kernels, team, layout, rankingScale);
  const { rate, epsilon, tokens } = team.step;
  const [first, last] = team.part(tokens, 1);
  const gradient = layout.scratch + team.thread * layout.scratchBytes;
  kernels.adam(
    layout.table,
    layout.first,
    layout.second,
    width,
    layout.distinct,
    layout.occurrences,
    layout.texts,
    layout.lengths,
    layout.d,
    first,
    last,
    rate,
    BETA1,
    BETA2,
    epsilon,
    gradient,
  );
  team.barrier();
}

/** Pairs without an anchor have the zero vector, where the kernel divides by no tokens. */
function clearEmpty(buffer: SharedArrayBuffer, layout: Layout, from: number, to: number): void {
  const { batch, anchors = batch, width, x } = layout;
  const first = Math.max(from, anchors);
  const count = Math.min(to, batch) - first;
  if (count > 0) new Float32Array(buffer, x + first * width * 4, count * width).fill(0);
}
