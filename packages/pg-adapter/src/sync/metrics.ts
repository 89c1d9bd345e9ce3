import type { QueueState } from '../follow/queue-state.ts';
import type { Settled } from './settle.ts';

/** What a worker has done since it was opened. */
export interface SyncCounts {
  /** Rows settled: written, removed or unchanged. */
  readonly rows: number;
  readonly written: number;
  readonly removed: number;
  /** Texts that were not encoded again. */
  readonly unchanged: number;
  /** Rows whose embedding cannot be encoded. */
  readonly bad: number;
  /** Failures of rows, each try counted, and rows set aside for them. */
  readonly failed: number;
  readonly setAside: number;
  /** Failures of the database or of the way to it. */
  readonly outages: number;
  readonly batches: number;
  readonly encodeSeconds: number;
  /** Rows a second over about the last ten seconds. */
  readonly rate: number;
}

export interface SyncMetrics extends SyncCounts {
  readonly store: string;
  readonly queue: QueueState;
  /** Whether notices of changes come through; without, changes are found by polling. */
  readonly listening: boolean;
  /** Whether the triggers see every change, as far as the worker has looked. */
  readonly intact: boolean;
}

const WINDOW = 10_000;

/** Counts what happens. */
export class Meter {
  readonly #counts = {
    rows: 0,
    written: 0,
    removed: 0,
    unchanged: 0,
    bad: 0,
    failed: 0,
    setAside: 0,
    outages: 0,
    batches: 0,
    encodeSeconds: 0,
  };
  readonly #started = performance.now();
  readonly #recent: { at: number; rows: number }[] = [];

  add(settled: Settled): void {
    const { written, removed, unchanged, bad, failed, setAside, claimed, encoding, left } = settled;
    const rows = claimed - failed - (left?.ids.length ?? 0);
    const counts = this.#counts;
    counts.rows += rows;
    counts.written += written;
    counts.removed += removed;
    counts.unchanged += unchanged;
    counts.bad += bad;
    counts.failed += failed;
    counts.setAside += setAside;
    counts.batches++;
    counts.encodeSeconds += encoding / 1000;
    this.#recent.push({ at: performance.now(), rows });
  }

  outage(): void {
    this.#counts.outages++;
  }

  get counts(): SyncCounts {
    const now = performance.now();
    while (this.#recent.length > 0 && this.#recent[0].at < now - WINDOW) this.#recent.shift();
    const rows = this.#recent.reduce((sum, one) => sum + one.rows, 0);
    const seconds = Math.max(1, Math.min(WINDOW, now - this.#started) / 1000);
    return { ...this.#counts, rate: rows / seconds };
  }
}

const LINES: readonly [string, 'counter' | 'gauge', string, (m: SyncMetrics) => number][] = [
  ['rows_total', 'counter', 'Rows settled.', (m) => m.rows],
  ['rows_written_total', 'counter', 'Codes written.', (m) => m.written],
  ['rows_removed_total', 'counter', 'Codes removed.', (m) => m.removed],
  ['rows_unchanged_total', 'counter', 'Texts that were not encoded again.', (m) => m.unchanged],
  ['rows_bad_total', 'counter', 'Rows that cannot be encoded.', (m) => m.bad],
  ['failures_total', 'counter', 'Failures of rows, each try counted.', (m) => m.failed],
  ['outages_total', 'counter', 'Failures of the database or of the way to it.', (m) => m.outages],
  ['batches_total', 'counter', 'Batches claimed.', (m) => m.batches],
  ['encode_seconds_total', 'counter', 'Seconds of encoding.', (m) => m.encodeSeconds],
  ['rows_per_second', 'gauge', 'Rows settled a second over the last ten seconds.', (m) => m.rate],
  ['queue_rows', 'gauge', 'Changed rows that wait or are being worked on.', (m) => m.queue.depth],
  ['queue_claimed_rows', 'gauge', 'Those that a worker has now.', (m) => m.queue.claimed],
  ['queue_retrying_rows', 'gauge', 'Those that failed and wait for their next try.', (m) => m.queue.retrying],
  ['queue_set_aside_rows', 'gauge', 'Rows set aside after failing too often.', (m) => m.queue.setAsideCount],
  ['lag_seconds', 'gauge', 'Age of the oldest change that waits.', (m) => m.queue.oldestSeconds],
  ['triggers_intact', 'gauge', 'Whether the triggers see every change.', (m) => Number(m.intact)],
  ['listening', 'gauge', 'Whether notices of changes come through.', (m) => Number(m.listening)],
];

/** Metrics in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export function prometheusText(metrics: SyncMetrics): string {
  const store = metrics.store.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return LINES.map(([name, type, help, value]) => {
    const full = `nestbit_sync_${name}`;
    return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${full}{store="${store}"} ${value(metrics)}\n`;
  }).join('');
}
