import { NestbitError } from '@nestbit/core';
import { mendTriggers, recheck } from '../follow/mend.ts';
import { appends } from '../follow/queue-state.ts';
import { refuseHiddenRows } from '../source/row-security.ts';
import { translated } from '../sql/failures.ts';
import { missed } from './failures.ts';
import type { Follow } from './follow.ts';
import { findFollow } from './open-follow.ts';
import type { WorkerSettings } from './worker-options.ts';

/** What a worker fails with when names of its table are no longer what they were. */
const MOVED = ['TABLE_NOT_FOUND', 'COLUMN_NOT_FOUND'];

/** Looks now and then whether a worker still works on the right table, and whether the triggers see every change. */
export class Overseer {
  #follow: Follow;
  readonly #options: Pick<WorkerSettings, 'checkMs' | 'onError'>;
  #damage: NestbitError | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(follow: Follow, options: Pick<WorkerSettings, 'checkMs' | 'onError'>) {
    this.#follow = follow;
    this.#options = options;
  }

  /** What the worker works on, as of the last look. */
  get follow(): Follow {
    return this.#follow;
  }

  /** What is wrong with the triggers and was not mended, for want of rights. */
  get damage(): NestbitError | undefined {
    return this.#damage;
  }

  get due(): boolean {
    return performance.now() - this.#lookedAt > this.#options.checkMs;
  }

  /** Takes a failure of the worker into account: the table may have another name by now. */
  failed(error: unknown): void {
    const known = translated(error);
    if (known instanceof NestbitError && MOVED.includes(known.code))
      this.#lookedAt = Number.NEGATIVE_INFINITY;
  }

  /**
   * Looks whether the table is where it was and its triggers see every change. What is wrong is mended, and the changes
   * that were missed are enqueued.
   *
   * @returns whether codes were compared with their rows, so that there may be work
   */
  async look(signal?: AbortSignal): Promise<boolean> {
    this.#lookedAt = performance.now();
    const { pool, schema, name, encoder, prompt } = this.#follow;
    this.#follow = await findFollow(pool, schema, name, encoder, prompt);
    await refuseHiddenRows(pool, this.#follow.source);
    const { phase } = this.#follow.state;
    if (phase === 'sync') return false;
    const { problems, failure } = await mendTriggers(this.#follow);
    this.#damage = failure;
    if (problems.length > 0) this.#options.onError(failure ?? missed(this.#follow, problems));
    this.#follow = { ...this.#follow, appends: await appends(pool, this.#follow.sync) };
    // A backfill under way does it at its end.
    return (phase === 'ready' || phase === 'cutover') && (await recheck(this.#follow, signal));
  }
}
