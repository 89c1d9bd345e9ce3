import { throwIfAborted } from '@nestbit/core';
import type { PoolClient } from 'pg';
import { transaction } from '../connection/transaction.ts';
import type { Following } from '../follow/following.ts';
import { installSync } from '../follow/install.ts';
import { mendTriggers, recheck } from '../follow/mend.ts';
import { queueState } from '../follow/queue-state.ts';
import { type Phase, setPhase } from '../follow/state.ts';
import { sweepOrphans, sweepWanted } from '../follow/sweep.ts';
import { buildIndex } from '../index-build/index-builder.ts';
import { needIndexes, serverOf } from '../index-build/server.ts';
import { registryOf } from '../schema/registry-names.ts';
import { settleSome } from '../sync/settle.ts';
import { backfill } from './backfill/backfill.ts';
import type { ShrinkPace, ShrinkProgress } from './options.ts';

/** Does what is left of a migration, step by step; each one is done when its mark is, and may be done twice. */
export async function runSteps(
  context: Following,
  pace: ShrinkPace,
  signal: AbortSignal | undefined,
  onProgress: (progress: ShrinkProgress) => void,
): Promise<void> {
  const { pool, schema, name, state } = context;
  const steps: readonly [Phase, () => Promise<void>, Phase][] = [
    ['sync', () => installSync(pool, context.sync), 'backfill'],
    ['backfill', () => backfill(context, pace, signal, onProgress), 'sweep'],
    ['sweep', () => sweep(context, signal), 'index'],
    ['index', () => index(context, signal, onProgress), 'ready'],
  ];
  let phase = state.phase;
  if (phase !== 'sync') {
    const { failure } = await mendTriggers(context);
    if (failure !== undefined) throw failure;
  }
  for (const [own, work, next] of steps) {
    if (phase !== own) continue;
    throwIfAborted(signal);
    if (own !== 'backfill') onProgress({ step: own as 'sync' | 'sweep' | 'index', done: 0, total: 1 });
    throwIfAborted(signal);
    do await work();
    while (!(await transaction(pool, (client) => advance(client, schema, name, own, next))));
    phase = next;
  }
  await settle(context, signal);
  if (await recheck(context, signal)) await settle(context, signal);
  onProgress({ step: 'ready', done: 1, total: 1 });
}

/**
 * Goes on to the next phase unless ranges are not done: a server that crashed and came back lost the last ones that it was
 * told of. In the transaction that is on disk when it ends, and with it all that was before.
 */
async function advance(
  client: PoolClient,
  schema: string,
  name: string,
  own: Phase,
  next: Phase,
): Promise<boolean> {
  if (own === 'backfill') {
    const { rowCount } = await client.query(
      `select from ${registryOf(schema).ranges} where name = $1 and not done limit 1`,
      [name],
    );
    if (rowCount !== 0) return false;
  }
  await setPhase(client, schema, name, next);
  return true;
}

/** Settles what waits now; what changes later is for the sync. */
async function settle(context: Following, signal: AbortSignal | undefined): Promise<void> {
  await sweepWanted(context.pool, context.sync);
  const { depth } = await queueState(context.pool, context.sync);
  for (let settled = 0; settled < depth; ) {
    throwIfAborted(signal);
    const some = await settleSome({ ...context, appends: true });
    if (some === 0) return;
    settled += some;
  }
}

/** Codes of rows that went, or lost their embedding, while their range was under way: enqueued, and settled. */
async function sweep(context: Following, signal: AbortSignal | undefined): Promise<void> {
  await sweepOrphans(context.pool, context.sync, signal);
  await settle(context, signal);
}

async function index(
  { pool, tables, state }: Following,
  signal: AbortSignal | undefined,
  onProgress: (progress: ShrinkProgress) => void,
): Promise<void> {
  const { index: wanted } = state.settings;
  if (wanted === 'none') return;
  needIndexes(await serverOf(pool));
  await buildIndex(pool, tables, wanted, {
    signal,
    onProgress: (note, done) => onProgress({ step: 'index', done, total: 1, note }),
  });
}
