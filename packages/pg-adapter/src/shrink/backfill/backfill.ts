import { setTimeout as sleep } from 'node:timers/promises';
import { outOfRange, throwIfAborted } from '@nestbit/core';
import { copies, isPglite } from '../../connection/copies.ts';
import type { Following } from '../../follow/following.ts';
import { registryOf } from '../../schema/registry-names.ts';
import type { ShrinkPace, ShrinkProgress } from '../options.ts';
import { estimatedRows } from '../sample/estimate.ts';
import { type Range, Ranges } from './ranges.ts';
import { CodeReader, GrowingCodes } from './read-codes.ts';
import { Throttle } from './throttle.ts';
import { writeRange } from './write-range.ts';

const WORKERS = 2;
/** How often it is looked whether the migration is paused, in ms. */
const LOOK_EVERY = 1000;

/**
 * Stores codes of all rows that have none, range by range. May be ended at any moment: each range is one transaction,
 * and what is not done is done when it is called again.
 */
export async function backfill(
  context: Following,
  pace: ShrinkPace,
  signal: AbortSignal | undefined,
  onProgress: (progress: ShrinkProgress) => void,
): Promise<void> {
  const { pool, schema, name, source } = context;
  const workers = isPglite(pool) ? 1 : (pace.workers ?? WORKERS);
  if (!Number.isInteger(workers) || workers < 1 || workers > 64)
    throw outOfRange(`workers is ${workers}; it must be 1 to 64`);
  const throttle = new Throttle(pool, pace);
  const ranges = await Ranges.load(pool, schema, name, source);
  const total = await estimatedRows(pool, source);
  const counted = await pool.query<{ rows: string }>(
    `select coalesce(sum(rows + nulls + bad), 0) as rows from ${registryOf(schema).ranges} where name = $1 and done`,
    [name],
  );
  let done = Number(counted.rows[0].rows);
  const stopped = new AbortController();
  const either = signal === undefined ? stopped.signal : AbortSignal.any([signal, stopped.signal]);
  const pause = new Pauses(context, either, () =>
    onProgress({ step: 'paused', done, total: Math.max(done, total) }),
  );

  const work = async (): Promise<void> => {
    let writing: Promise<void> = Promise.resolve();
    const { codec } = context.record;
    // One is read into while the other is written from.
    const memories = [0, 1].map(() => new GrowingCodes(codec, throttle.mostRows));
    const reader = new CodeReader({ pool, source, codec, copy: copies(pool), signal: either });
    // The next range is on record before this one is done: nobody waits for the disk to have it.
    const take = (): Promise<Range | undefined> => {
      const taken = ranges.next(throttle.rows);
      taken.catch(() => {});
      return taken;
    };
    let taking = take();
    try {
      for (let turn = 0; ; turn ^= 1) {
        await pause.wait();
        await throttle.wait(either, (note) =>
          onProgress({ step: 'waiting', done, total: Math.max(done, total), note }),
        );
        const range = await taking;
        if (range === undefined) break;
        taking = take();
        const reading = performance.now();
        const found = await reader.range(range, memories[turn]);
        // One range is written while the next one is read.
        await writing;
        const begun = performance.now();
        const rows = found.ids.length + found.nulls.length + found.bad.length;
        const options = { signal: either, sessions: throttle.sessions };
        writing = writeRange(context, range, found, begun - reading, options).then(() => {
          throttle.took(rows, performance.now() - begun);
          done += rows;
          onProgress({ step: 'backfill', done, total: Math.max(done, total) });
        });
        writing.catch(() => {});
      }
      await writing;
    } catch (error) {
      stopped.abort();
      await Promise.allSettled([taking, writing]);
      throw error;
    } finally {
      reader.end();
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: workers }, work));
  throwIfAborted(signal);
  // The first failure, not the stop of the others that it brought.
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
  if (failures.length > 0) throw failures.find((error) => error?.code !== 'ABORTED') ?? failures[0];
}

/** Waits while the migration is paused. */
class Pauses {
  readonly #context: Following;
  readonly #signal: AbortSignal;
  readonly #onPause: () => void;
  #looked = 0;
  #waiting: Promise<void> | undefined;

  constructor(context: Following, signal: AbortSignal, onPause: () => void) {
    this.#context = context;
    this.#signal = signal;
    this.#onPause = onPause;
  }

  async wait(): Promise<void> {
    if (this.#waiting === undefined && performance.now() - this.#looked < LOOK_EVERY) return;
    this.#waiting ??= this.#whilePaused().finally(() => {
      this.#waiting = undefined;
    });
    await this.#waiting;
  }

  async #whilePaused(): Promise<void> {
    const { pool, schema, name } = this.#context;
    for (;;) {
      throwIfAborted(this.#signal);
      const { rows } = await pool.query<{ paused: boolean }>(
        `select paused from ${registryOf(schema).shrinks} where name = $1`,
        [name],
      );
      this.#looked = performance.now();
      if (rows[0]?.paused !== true) return;
      this.#onPause();
      await sleep(LOOK_EVERY, undefined, { signal: this.#signal }).catch(() => {});
    }
  }
}
