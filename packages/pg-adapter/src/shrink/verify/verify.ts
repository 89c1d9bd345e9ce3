import { NestbitError, outOfRange } from '@nestbit/core';
import { enqueueWhere } from '../../follow/enqueue.ts';
import type { Following } from '../../follow/following.ts';
import { triggerState } from '../../follow/installed.ts';
import { checkParity, type Parity } from '../../follow/parity/parity.ts';
import { refuseHiddenRows } from '../../source/row-security.ts';
import { sampleQueries } from './queries.ts';
import { ExactHits, measureRecall, type Recall } from './recall.ts';

export interface VerifyOptions {
  /** Hits wanted of each search. Default 10. */
  readonly k?: number;
  /** Rows of the table that are asked as queries. Default 100; 0 compares codes alone. */
  readonly queries?: number;
  /** Hands wrong rows to the workers of the sync, who set them right. Default false. */
  readonly repair?: boolean;
  readonly signal?: AbortSignal;
  /** Called with the rows compared. */
  readonly onProgress?: (rows: number) => void;
}

export interface Verification {
  readonly parity: Parity;
  /** What is wrong with the triggers, so that later changes are missed: start and the sync mend it. Empty: nothing. */
  readonly triggers: readonly string[];
  /** Whether every row has the right code, or waits for it. */
  readonly ok: boolean;
  /** Absent without queries. */
  readonly recall: Recall | undefined;
  /** Rows handed to the workers. */
  readonly repairing: number;
}

/**
 * Compares the code of every row with its current embedding, and the searches of some rows with exact search over all.
 *
 * @throws NestbitError `UNSUPPORTED` before the backfill has ended; `ABORTED`
 */
export async function verify(context: Following, options: VerifyOptions): Promise<Verification> {
  const { k = 10, queries: wanted = 100, repair = false, signal, onProgress = () => {} } = options;
  for (const [name, value, least] of [
    ['k', k, 1],
    ['queries', wanted, 0],
  ] as const) {
    if (!Number.isInteger(value) || value < least || value > 10_000)
      throw outOfRange(`${name} is ${value}; it must be a whole number from ${least} to 10000`);
  }
  const { state, name, pool, sync, record } = context;
  if (state.phase === 'sync' || state.phase === 'backfill') {
    throw new NestbitError(
      'UNSUPPORTED',
      `The backfill of ${name} has not ended; finish it with shrink start, then verify.`,
    );
  }
  await refuseHiddenRows(pool, context.source);
  const queries = wanted === 0 ? undefined : await sampleQueries(context, wanted);
  const exact = queries && new ExactHits(queries, record.codec.inputDimensions, k);
  const parity = await checkParity(
    context,
    (ids, embeddings) => exact?.add(ids, embeddings),
    signal,
    onProgress,
  );
  const recall =
    queries && exact && queries.ids.length > 0
      ? await measureRecall(context, queries, exact.hits(), k)
      : undefined;
  const wrong = parity.faults.map(({ id }) => id);
  if (repair && wrong.length > 0) {
    await enqueueWhere(pool, sync, `select unnest($1::${record.idType}[]) as id`, [wrong]);
  }
  const { problems: triggers } = await triggerState(pool, sync);
  return { parity, triggers, ok: wrong.length === 0, recall, repairing: repair ? wrong.length : 0 };
}
