// A thread that works through the phases of every step with the leader, until it says stop.
import { workerData } from 'node:worker_threads';
import type { Layout } from './layout.ts';
import { tableStep } from './table-step.ts';
import { Team, TeamFailed } from './team.ts';
import { type SharedMemory, trainKernels } from './wasm.ts';

/** What a follower is told. */
export interface FollowerData {
  readonly memory: SharedMemory;
  readonly layout: Layout;
  readonly thread: number;
  /** Undefined: the leader computes the loss alone. */
  readonly rankingScale: number | undefined;
}

const { memory, layout, thread, rankingScale } = workerData as FollowerData;
const team = new Team(memory.buffer, thread, layout.threads);
const kernels = trainKernels(memory);
try {
  for (;;) {
    team.barrier();
    if (team.stopped) break;
    tableStep(kernels, team, layout, rankingScale, () => {});
  }
} catch (error) {
  team.fail();
  if (!(error instanceof TeamFailed)) throw error;
}
