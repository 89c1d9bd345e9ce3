import { NestbitError } from '@nestbit/core';
import type { Pool } from 'pg';
import { enqueueWhere } from './enqueue.ts';
import type { Following } from './following.ts';
import { installSync } from './install.ts';
import { refuseChildren, triggerState } from './installed.ts';
import { checkParity } from './parity/parity.ts';
import { markRecheck, readShrink } from './state.ts';
import { enqueueAll, sweepOrphans } from './sweep.ts';

/** What a look at the triggers found. */
export interface Mending {
  /** What was wrong; empty when nothing was. */
  readonly problems: readonly string[];
  /** Why it is wrong still: nothing when it was mended. */
  readonly failure: NestbitError | undefined;
}

/**
 * Puts the triggers of a store back where they are missing, disabled or on something else, and notes that what they
 * missed is to be looked for; those of an older nestbit are made again. A role that may not is told whom to ask.
 */
export async function mendTriggers({ pool, name, sync }: Following): Promise<Mending> {
  const { problems, current } = await triggerState(pool, sync);
  if (problems.length === 0 && current) return { problems, failure: undefined };
  try {
    await refuseChildren(pool, sync.source);
    await installSync(pool, sync, { recheck: problems.length > 0 });
    return { problems, failure: undefined };
  } catch (cause) {
    if (!(cause instanceof NestbitError) || !['PERMISSION_DENIED', 'UNSUPPORTED'].includes(cause.code))
      throw cause;
    // An older nestbit's triggers do their work.
    if (problems.length === 0) return { problems, failure: undefined };
    const failure = new NestbitError(
      'STORE_DAMAGED',
      `Changes of ${sync.source.schema}.${sync.source.table} are missed by the store ${name}: ${problems.join('; ')}. ` +
        `This role cannot mend it (${cause.message}); run nestbit shrink start or nestbit sync as the owner of the table.`,
      { cause },
    );
    return { problems, failure };
  }
}

/**
 * Looks for what changed while triggers were missing, if they were: every code is compared with its row, and what is
 * wrong is enqueued.
 *
 * @returns whether there was anything to look for
 */
export async function recheck(following: Following, signal?: AbortSignal): Promise<boolean> {
  const { pool, schema, name, sync, record } = following;
  if (!(await recheckWanted(pool, schema, name))) return false;
  if (sync.source.kind === 'text') {
    // Texts whose hash is the same cost their worker no encoding.
    await enqueueAll(pool, sync, signal);
    await sweepOrphans(pool, sync, signal);
  } else {
    const { faults } = await checkParity(
      following,
      () => {},
      signal,
      () => {},
    );
    const ids = faults.map(({ id }) => id);
    if (ids.length > 0) await enqueueWhere(pool, sync, `select unnest($1::${record.idType}[]) as id`, [ids]);
  }
  await markRecheck(pool, schema, name, false);
  return true;
}

async function recheckWanted(pool: Pool, schema: string, name: string): Promise<boolean> {
  return (await readShrink(pool, schema, name))?.settings.recheck === true;
}
