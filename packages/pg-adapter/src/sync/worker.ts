import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted, wrongType } from '@nestbit/core';
import type { Pool } from 'pg';
import { isPglite } from '../connection/copies.ts';
import { databaseOf } from '../connection/database.ts';
import { queueState, retryAside } from '../follow/queue-state.ts';
import { channelOf, syncRelations } from '../follow/spec.ts';
import { enqueueMissing, sweepOrphans, sweepWanted } from '../follow/sweep.ts';
import { translated } from '../sql/failures.ts';
import { qualified } from '../sql/identifiers.ts';
import { SCHEMA } from '../store/open-store.ts';
import { Bell } from './bell.ts';
import { giveBack, moveAll } from './claim.ts';
import type { Follow } from './follow.ts';
import { Listener } from './listener.ts';
import { Meter, type SyncCounts, type SyncMetrics } from './metrics.ts';
import { findFollow } from './open-follow.ts';
import { Overseer } from './overseer.ts';
import { Pace, type Settled, settle } from './settle.ts';
import { checkedOptions, type SyncWorkerOptions, type WorkerSettings } from './worker-options.ts';

/** First pause between two looks at an empty queue, in milliseconds; it doubles up to pollMs. */
const FIRST_PAUSE = 20;
/** A failing database is asked again after so long at most, in milliseconds. */
const LONGEST_OUTAGE = 10_000;

/**
 * Keeps the codes of a store in step with the table that it follows. Any number of workers may run, in one process or
 * many: each changed row is one worker's at a time. Codes are never older than those they write over.
 */
export class SyncWorker implements AsyncDisposable {
  readonly #overseer: Overseer;
  readonly #options: WorkerSettings;
  readonly #meter = new Meter();
  readonly #stopping = new AbortController();
  /** Ends encoding under way: a stop that took too long. */
  readonly #cutting = new AbortController();
  readonly #bell = new Bell();
  readonly #left = new Map<string, readonly string[]>();
  #listener: Listener | undefined;
  #loops: Promise<void>[] = [];

  private constructor(follow: Follow, options: SyncWorkerOptions) {
    this.#options = checkedOptions(options, follow.sync.source.kind, isPglite(follow.pool));
    this.#overseer = new Overseer(follow, this.#options);
  }

  /**
   * A worker for a store whose sync is installed, by `shrink start` or `followTexts`. It does nothing until it is told to.
   *
   * @throws NestbitError `STORE_NOT_FOUND`, `CODEC_MISMATCH` for an encoder of another model; TypeError, RangeError
   */
  static async open(pool: Pool, options: SyncWorkerOptions): Promise<SyncWorker> {
    const { store, schema = SCHEMA, encoder, prompt } = options;
    if (typeof store !== 'string') throw wrongType(`store must be text, got ${typeof store}`);
    const follow = await findFollow(databaseOf(pool), schema, store, encoder, prompt);
    return new SyncWorker(follow, options);
  }

  /** Begins to work, until `stop`. */
  start(): void {
    if (this.#loops.length > 0 || this.#stopping.signal.aborted)
      throw wrongType('the worker was started before; open another one');
    const { concurrency, listen } = this.#options;
    const { pool, sync } = this.#follow;
    if (listen) {
      this.#listener = new Listener(pool, channelOf(sync), () => this.#bell.ring());
      void this.#listener.start();
    }
    this.#loops = Array.from({ length: concurrency }, (_, number) => this.#loop(number));
  }

  /**
   * Settles all changes that wait now, and then ends; what comes meanwhile is for the next call. Rows that fail are tried
   * until they are set aside. Needs no `start`, and works beside other workers.
   *
   * @throws NestbitError `ABORTED`, `CONNECTION_LOST` and what else the database fails with
   */
  async drain(
    options: { readonly signal?: AbortSignal; readonly onProgress?: (rows: number) => void } = {},
  ): Promise<SyncCounts> {
    const { signal, onProgress } = options;
    await this.#translated(this.#look(signal));
    const { pool, sync } = this.#follow;
    await this.#translated(moveAll(this.#follow, signal));
    await this.#translated(sweepWanted(pool, sync));
    const queue = qualified(syncRelations(sync).queue);
    const { rows } = await this.#translated(
      pool.query<{ last: string | null }>(`select max(version)::text as last from ${queue} where not aside`),
    );
    const { last } = rows[0];
    if (last === null) return this.#drained();
    const ended = async (): Promise<boolean> => {
      const waiting = await this.#translated(
        pool.query(`select from ${queue} where not aside and version <= $1 limit 1`, [last]),
      );
      return waiting.rowCount === 0;
    };
    let over = false;
    const work = async (): Promise<void> => {
      const pace = new Pace();
      while (!over) {
        throwIfAborted(signal);
        const settled = await this.#round(pace, signal);
        onProgress?.(settled.claimed);
        if (settled.claimed > 0) continue;
        if (await ended()) return;
        // Others have them, or they wait for their next try.
        await this.#giveBackLeft();
        await sleep(FIRST_PAUSE + 80 * Math.random());
      }
    };
    const results = await Promise.allSettled(
      Array.from({ length: this.#options.concurrency }, () =>
        work().catch((error) => {
          over = true;
          throw error;
        }),
      ),
    );
    await this.#giveBackLeft();
    for (const result of results) if (result.status === 'rejected') throw translated(result.reason);
    return this.#drained();
  }

  /**
   * Ends the work: no further claims; batches under way are finished within `graceMs` (default 10 000), else given back.
   */
  async stop({ graceMs = 10_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#stopping.abort();
    this.#bell.ring();
    const timer = setTimeout(() => this.#cutting.abort(), graceMs);
    await Promise.all(this.#loops);
    clearTimeout(timer);
    await this.#listener?.end();
    await this.#giveBackLeft().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** What was done since the worker was opened. */
  get counts(): SyncCounts {
    return this.#meter.counts;
  }

  /** The same with the state of the queue. */
  async metrics(): Promise<SyncMetrics> {
    const { pool, sync } = this.#follow;
    const queue = await queueState(pool, sync);
    return {
      ...this.counts,
      store: sync.store,
      queue,
      listening: this.#listener?.connected ?? false,
      intact: this.#overseer.damage === undefined,
    };
  }

  /** Puts rows that were set aside back into the queue; without ids (as text) all of them. Gives how many. */
  async retry(ids?: readonly string[]): Promise<number> {
    const count = await this.#translated(retryAside(this.#follow.pool, this.#follow.sync, ids));
    this.#bell.ring();
    return count;
  }

  /**
   * Enqueues codes without a row and rows without a code, which triggers do not see: partitions that were attached,
   * detached or dropped, and loads with triggers off. Reads both tables; gives how many.
   */
  async sweep(): Promise<number> {
    const { pool, sync } = this.#follow;
    const gone = await this.#translated(sweepOrphans(pool, sync));
    return gone + (await this.#translated(enqueueMissing(pool, sync)));
  }

  // Codes that stand still without a trigger are no success.
  #drained(): SyncCounts {
    if (this.#overseer.damage !== undefined) throw this.#overseer.damage;
    return this.counts;
  }

  async #look(signal?: AbortSignal): Promise<void> {
    if (await this.#overseer.look(signal)) this.#bell.ring();
  }

  get #follow(): Follow {
    return this.#overseer.follow;
  }

  async #loop(number: number): Promise<void> {
    const stopping = this.#stopping.signal;
    const pace = new Pace();
    let pause = FIRST_PAUSE;
    let outage = 100;
    while (!stopping.aborted) {
      try {
        if (number === 0 && this.#overseer.due) await this.#look(this.#cutting.signal);
        if (number === 0 && (await sweepWanted(this.#follow.pool, this.#follow.sync)) > 0) this.#bell.ring();
        const { claimed } = await this.#round(pace, this.#cutting.signal);
        outage = 100;
        if (claimed > 0) {
          pause = FIRST_PAUSE;
          continue;
        }
        await this.#giveBackLeft();
        const woken = await this.#bell.wait(pause, stopping);
        pause = woken ? FIRST_PAUSE : Math.min(this.#options.pollMs, 2 * pause);
      } catch (error) {
        if (stopping.aborted) return;
        this.#meter.outage();
        this.#overseer.failed(error);
        this.#options.onError(translated(error) as Error);
        await this.#bell.wait(outage * (0.5 + Math.random()), stopping, false);
        outage = Math.min(LONGEST_OUTAGE, 2 * outage);
      }
    }
  }

  async #round(pace: Pace, signal: AbortSignal | undefined): Promise<Settled> {
    const settled = await settle(this.#follow, this.#options, pace, signal);
    if (settled.claimed === 0) return settled;
    this.#meter.add(settled);
    if (settled.left !== undefined) this.#left.set(settled.left.token, settled.left.ids);
    for (const error of settled.errors) this.#options.onError(error);
    return settled;
  }

  // Rows that were being changed when their turn came. When that change was rolled back nobody else frees them.
  async #giveBackLeft(): Promise<void> {
    const { pool, sync } = this.#follow;
    for (const [token, ids] of this.#left) {
      await giveBack(pool, sync, token, ids);
      const { rowCount } = await pool.query(
        `select from ${qualified(syncRelations(sync).queue)} where id = any($1::${sync.source.idType}[]) and claim = $2 limit 1`,
        [ids, token],
      );
      if (rowCount === 0) this.#left.delete(token);
    }
  }

  async #translated<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw translated(error);
    }
  }
}
