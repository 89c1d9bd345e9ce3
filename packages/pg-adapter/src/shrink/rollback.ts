import type { Pool } from 'pg';
import { patientTransaction } from '../connection/patient.ts';
import { transaction } from '../connection/transaction.ts';
import { type FollowRecord, followRecord } from '../follow/following.ts';
import { removeSync } from '../follow/install.ts';
import { removeRegistry } from '../follow/registry.ts';
import { hasTable, prepared } from '../follow/state.ts';
import { dropStore, readStore } from '../schema/registry.ts';
import { registryOf } from '../schema/registry-names.ts';
import { namedTarget, refuseOtherTable } from './context.ts';
import { dropCutover } from './cutover/drop.ts';
import { lockMigration } from './lock.ts';
import type { ShrinkTarget } from './options.ts';

/** What a rollback found and removed. */
export interface Rollback {
  /** Whether there was a migration. */
  readonly found: boolean;
  /** The store stays when it was there before the migration. */
  readonly store: 'dropped' | 'kept' | 'none';
}

/**
 * Removes everything of a migration, or of a store that follows texts: triggers, queue, codes, view and function, and
 * nestbit's own schema when it made that and no store is left. The user's table is as it was; it need not be there any
 * more, nor have the names that it had. May be called after any step, and again.
 *
 * @throws NestbitError `STORE_LOCKED` while a migration runs; `TIMEOUT` when the table stays locked; `STORE_EXISTS` for a
 * target that names another table than the store's
 */
export async function rollBack(pool: Pool, wanted: ShrinkTarget, signal?: AbortSignal): Promise<Rollback> {
  const target = await namedTarget(pool, wanted);
  const { schema, name } = target;
  await using _lock = await lockMigration(pool, schema, name);
  const found = await followRecord(pool, schema, name);
  if (found !== undefined) {
    await refuseOtherTable(found, target);
    await remove(found, signal);
  } else if (
    (await hasTable(pool, schema, 'stores')) &&
    (await readStore(pool, schema, name)) !== undefined
  ) {
    return { found: false, store: 'kept' };
  }
  if (await prepared(pool, schema)) await transaction(pool, (client) => removeRegistry(client, schema));
  if (found === undefined) return { found: false, store: 'none' };
  return { found: true, store: found.state.settings.adopted ? 'kept' : 'dropped' };
}

async function remove(found: FollowRecord, signal: AbortSignal | undefined): Promise<void> {
  const { pool, schema, name, record, state } = found;
  await removeSync(pool, { schema, store: name, layout: record.layout }, signal);
  await patientTransaction(
    pool,
    async (client) => {
      // Before the cutover the names of view and function may be anybody's.
      if (state.phase === 'cutover') await dropCutover(client, found);
      await client.query(`delete from ${registryOf(schema).shrinks} where name = $1`, [name]);
      if (!state.settings.adopted) await dropStore(client, schema, record);
    },
    { signal },
  );
}
