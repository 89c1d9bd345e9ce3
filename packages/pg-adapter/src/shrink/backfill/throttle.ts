import { setTimeout as sleep } from 'node:timers/promises';
import { outOfRange, throwIfAborted } from '@nestbit/core';
import type { Pool } from 'pg';
import { isPglite } from '../../connection/copies.ts';
import type { ShrinkPace } from '../options.ts';
import { ReplicaLag } from './replica-lag.ts';

/** How often the server is asked whether others suffer, in ms. */
const LOOK_EVERY = 500;
const PAUSE = 250;

/** Why a backfill waits. */
export type Reason = 'rate' | 'replica' | 'locks';

/**
 * Holds a backfill back: to a rate, while a replica is behind, while other sessions wait for its locks. Also says how
 * many rows a range should have, so that its transaction takes as long as it should.
 */
export class Throttle {
  /** Process ids of the sessions that write: others may wait for their locks. */
  readonly sessions: Set<number> = new Set();
  readonly #pool: Pool;
  readonly #rate: number | undefined;
  readonly #lag: number;
  readonly #replicas = new ReplicaLag();
  readonly #target: number;
  readonly #largest: number;
  #size: number;
  #due = performance.now();
  #looked = 0;
  #held: Reason | undefined;

  constructor(pool: Pool, { rowsPerSecond, rangeMilliseconds = 250, maxReplicaLagSeconds = 10 }: ShrinkPace) {
    for (const [name, value] of Object.entries({ rowsPerSecond, rangeMilliseconds, maxReplicaLagSeconds })) {
      if (value !== undefined && !(value > 0)) throw outOfRange(`${name} is ${value}; it must be above 0`);
    }
    this.#pool = pool;
    this.#rate = rowsPerSecond;
    this.#target = rangeMilliseconds;
    this.#lag = maxReplicaLagSeconds;
    // Under a rate limit in short bursts: a tenth of a second's rows.
    this.#largest = Math.max(
      50,
      Math.min(20_000, rowsPerSecond === undefined ? 20_000 : Math.ceil(rowsPerSecond / 10)),
    );
    this.#size = Math.min(1000, this.#largest);
  }

  /** Rows that the next range should have. */
  get rows(): number {
    return this.#size;
  }

  /** Rows that no range should go beyond. */
  get mostRows(): number {
    return this.#largest;
  }

  /** Waits until work may go on. */
  async wait(signal: AbortSignal | undefined, onWait: (reason: Reason) => void): Promise<void> {
    for (;;) {
      throwIfAborted(signal);
      const ahead = this.#due - performance.now();
      if (this.#rate !== undefined && ahead > 0)
        await sleep(Math.min(ahead, PAUSE), undefined, signal && { signal }).catch(() => {});
      else if ((await this.#suffering()) === undefined) return;
      else {
        onWait(this.#held as Reason);
        await sleep(PAUSE, undefined, signal && { signal }).catch(() => {});
      }
    }
  }

  /** Tells how long a range took, in ms, from which the next ones get their size. */
  took(rows: number, milliseconds: number): void {
    if (this.#rate !== undefined)
      this.#due = Math.max(this.#due, performance.now() - 1000) + (1000 * rows) / this.#rate;
    if (rows < this.#size / 2) return;
    // By the root: one range is long because another is under way, and the next one is then short.
    const change = Math.min(2, Math.max(0.5, Math.sqrt(this.#target / Math.max(1, milliseconds))));
    this.#size = Math.round(Math.min(this.#largest, Math.max(50, this.#size * change)));
  }

  async #suffering(): Promise<Reason | undefined> {
    if (isPglite(this.#pool)) return undefined;
    if (performance.now() - this.#looked < (this.#held === undefined ? LOOK_EVERY : PAUSE / 2))
      return this.#held;
    this.#looked = performance.now();
    // Without pg_monitor others' replicas show no position: then they hold nothing back.
    const { rows } = await this.#pool.query<{
      server: number;
      replica: number | null;
      reported: number;
      waiting: number;
    }>(
      `select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as server,
              (select min(pg_wal_lsn_diff(replay_lsn, '0/0'))::float8 from pg_stat_replication) as replica,
              (select coalesce(max(extract(epoch from replay_lag)), 0)::float8 from pg_stat_replication) as reported,
              (select count(*) from pg_stat_activity a
               where a.wait_event_type = 'Lock' and a.datname = current_database()
                 and pg_blocking_pids(a.pid) && $1::int[])::int as waiting`,
      [[...this.sessions]],
    );
    const [{ server, replica, reported, waiting }] = rows;
    const lag = replica === null ? 0 : this.#replicas.note(this.#looked, server, replica, reported);
    this.#held = lag > this.#lag ? 'replica' : waiting > 0 ? 'locks' : undefined;
    if (this.#held === 'locks') this.#size = Math.max(50, this.#size >> 1);
    return this.#held;
  }
}
