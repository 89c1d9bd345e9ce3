import type { Pool } from 'pg';
import { patientTransaction } from '../connection/patient.ts';
import { transaction } from '../connection/transaction.ts';
import { removeSync } from '../follow/install.ts';
import { removeRegistry } from '../follow/registry.ts';
import { hasTable, prepared } from '../follow/state.ts';
import { dropStore, readStore } from '../schema/registry.ts';
import { registryOf } from '../schema/registry-names.ts';
import { describeSource } from '../source/describe.ts';
import { SCHEMA } from '../store/open-store.ts';
import { findContext } from './context.ts';
import { dropCutover } from './cutover/ddl.ts';
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
 * nestbit's own schema when it made that and no store is left. The user's table is as it was. May be called after any step,
 * and again.
 *
 * @throws NestbitError `STORE_LOCKED` while a migration runs; `TIMEOUT` when the table stays locked
 */
export async function rollBack(pool: Pool, target: ShrinkTarget, signal?: AbortSignal): Promise<Rollback> {
  const { schema = SCHEMA, name = target.table } = target;
  await using _lock = await lockMigration(pool, schema, name);
  const context = await findContext(pool, target, describeSource);
  if (context !== undefined) {
    await removeSync(pool, context.sync, signal);
    const { record, state } = context;
    await patientTransaction(
      pool,
      async (client) => {
        await client.query(dropCutover(context));
        if (!state.settings.adopted) await dropStore(client, schema, record);
        await client.query(`delete from ${registryOf(schema).shrinks} where name = $1`, [name]);
      },
      { signal },
    );
  } else if (
    (await hasTable(pool, schema, 'stores')) &&
    (await readStore(pool, schema, name)) !== undefined
  ) {
    return { found: false, store: 'kept' };
  }
  if (await prepared(pool, schema)) await transaction(pool, (client) => removeRegistry(client, schema));
  const kept = context?.state.settings.adopted === true;
  return { found: context !== undefined, store: context === undefined ? 'none' : kept ? 'kept' : 'dropped' };
}
