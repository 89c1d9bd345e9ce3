import type { CodeBytes } from './bytes.ts';
import type { Trial } from './measure.ts';
import type { ServerSettings } from './settings.ts';

/** What each process beside the first adds to the speed of a build; measured on 2 cores with 2 such processes. */
const WORKER_ADDS = 0.4;
/** Postgres lets no further process help below this size of the table, three times as large for the next. */
const PARALLEL_FROM = 8 * 2 ** 20;
/** A graph that does not fit in maintenance_work_mem is built on disk pages from then on. */
const ON_DISK = 6;

/**
 * Seconds of the index: those of the trial for each row, longer with the logarithm of the rows (a longer way through the
 * graph), shorter by the processes that help.
 */
export function indexSeconds(
  { indexed, indexSeconds: seconds }: Trial,
  rows: number,
  bytes: CodeBytes,
  settings: ServerSettings,
): number {
  if (indexed === 0 || rows === 0) return 0;
  const grown = Math.log2(Math.max(rows, 2)) / Math.log2(Math.max(indexed, 2));
  const helpers = Math.min(
    settings.workers,
    bytes.codes < PARALLEL_FROM ? 0 : 1 + Math.floor(Math.log(bytes.codes / PARALLEL_FROM) / Math.log(3)),
  );
  const all = (seconds / indexed) * rows * Math.max(1, grown);
  const outside = Math.max(0, 1 - settings.maintenanceWorkMem / Math.max(1, bytes.index));
  return (all / (1 + WORKER_ADDS * helpers)) * (1 + outside * (ON_DISK - 1));
}
