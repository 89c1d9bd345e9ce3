import { NestbitError, throwIfAborted, wrongType } from '@nestbit/core';
import { databaseOf } from '../connection/database.ts';
import type { Following } from '../follow/following.ts';
import { setPaused } from '../follow/state.ts';
import { translated } from '../sql/failures.ts';
import type { PgPool } from '../store/open-store.ts';
import { beginMigration } from './begin.ts';
import { contextOf, namedTarget } from './context.ts';
import { type Cutover, cutOver } from './cutover/cutover.ts';
import { lockMigration } from './lock.ts';
import type { ShrinkTarget, StartOptions } from './options.ts';
import { type PlanOptions, planShrink, type ShrinkPlan } from './plan/plan.ts';
import { type Rollback, rollBack } from './rollback.ts';
import { type ShrinkStatus, statusOf } from './status.ts';
import { runSteps } from './steps.ts';
import { type Verification, type VerifyOptions, verify } from './verify/verify.ts';

/**
 * Moves a table that is there to binary and int8 codes while it is read and written, and takes it back. Each step may be
 * ended at any moment and called again, also by another machine: its state is in the database.
 */
export class Shrink {
  readonly #pool: PgPool;
  readonly #target: ShrinkTarget;

  constructor(pool: PgPool, target: ShrinkTarget) {
    const byName = target.table === undefined && target.column === undefined;
    for (const name of byName ? (['name'] as const) : (['table', 'column'] as const)) {
      if (typeof target[name] !== 'string')
        throw wrongType(`${name} must be text, got ${typeof target[name]}`);
    }
    this.#pool = databaseOf(pool);
    this.#target = target;
  }

  /**
   * What `start` would do: statements with their locks, bytes before and after, seconds by a trial on a sample. Changes
   * nothing.
   */
  async plan(options: PlanOptions = {}): Promise<ShrinkPlan> {
    return await this.#translated(async () =>
      planShrink(this.#pool, await namedTarget(this.#pool, this.#target), options),
    );
  }

  /**
   * Makes the sidecar and the trigger, calibrates a codec, copies the codes of all rows, and builds the index: all that
   * is not done yet. Reads and writes of the table go on meanwhile. One process at a time.
   *
   * @throws NestbitError `STORE_LOCKED`, `ABORTED`, `CONNECTION_LOST` (call it again), `PERMISSION_DENIED`, `DATABASE_FULL`
   */
  async start(options: StartOptions = {}): Promise<ShrinkStatus> {
    const { signal } = options;
    throwIfAborted(signal);
    try {
      await this.#run(options);
    } catch (error) {
      throwIfAborted(signal);
      throw translated(error);
    }
    return await this.status();
  }

  /** How far it is, what waits, what failed. @throws NestbitError `STORE_NOT_FOUND` */
  async status(): Promise<ShrinkStatus> {
    return await this.#translated(async () => statusOf(await this.#context()));
  }

  /** Lets a backfill wait, whichever process runs it, within a second or two. */
  async pause(): Promise<ShrinkStatus> {
    return await this.#setPaused(true);
  }

  /** Lets a paused backfill go on; one that ended meanwhile needs `start`. */
  async resume(): Promise<ShrinkStatus> {
    return await this.#setPaused(false);
  }

  /** Compares codes and searches with the table as it is. @throws NestbitError `UNSUPPORTED`, `ABORTED` */
  async verify(options: VerifyOptions = {}): Promise<Verification> {
    return await this.#translated(async () => verify(await this.#context(), options));
  }

  /** Makes the view and the function that the application reads, and says what may be dropped. */
  async cutover(): Promise<Cutover> {
    return await this.#translated(async () => cutOver(await this.#context()));
  }

  /** Removes everything that the migration made; the table is as it was before. */
  async rollback(options: { readonly signal?: AbortSignal } = {}): Promise<Rollback> {
    return await this.#translated(() => rollBack(this.#pool, this.#target, options.signal));
  }

  async #run({ signal, onProgress = () => {}, ...making }: StartOptions): Promise<void> {
    const target = await namedTarget(this.#pool, this.#target);
    await using lock = await lockMigration(this.#pool, target.schema, target.name);
    const either = signal === undefined ? lock.lost : AbortSignal.any([signal, lock.lost]);
    try {
      onProgress({ step: 'calibrate', done: 0, total: 1 });
      const context = await beginMigration(this.#pool, target, making);
      await runSteps(context, making, either, onProgress);
    } catch (error) {
      if (!lock.lost.aborted) throw error;
      throw new NestbitError(
        'CONNECTION_LOST',
        'The connection that holds the lock of the migration was lost. What is done is kept: start it again.',
        { cause: error },
      );
    }
  }

  async #setPaused(paused: boolean): Promise<ShrinkStatus> {
    return await this.#translated(async () => {
      const context = await this.#context();
      await setPaused(this.#pool, context.schema, context.name, paused);
      return await statusOf({ ...context, state: { ...context.state, paused } });
    });
  }

  async #context(): Promise<Following> {
    return await contextOf(this.#pool, await namedTarget(this.#pool, this.#target));
  }

  async #translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw translated(error);
    }
  }
}
