import type { Pool, PoolClient } from 'pg';
import { transaction } from '../connection/transaction.ts';
import { serverOf } from '../index-build/server.ts';
import { LOCK, MIGRATIONS_TABLE, migrate, REGISTRY_TABLES } from '../migrations/migrate.ts';
import { registryOf } from '../schema/registry-names.ts';
import { translated } from '../sql/failures.ts';
import { quoted } from '../sql/identifiers.ts';
import { literal } from '../sql/literals.ts';

/** Marks what a rollback may remove: what was there before stays. */
const MADE_HERE = 'nestbit: made by shrink; goes with the rollback of its last store';

/**
 * Brings the schema up to date, marking it, or its tables, as made here when they are.
 *
 * @throws NestbitError `PERMISSION_DENIED`, `SERVER_TOO_OLD`
 */
export async function prepareRegistry(pool: Pool, schema: string): Promise<void> {
  try {
    await serverOf(pool);
    const own = quoted(schema);
    const names = registryOf(schema);
    const { rows } = await pool.query<{ there: boolean }>(`select to_regclass($1) is not null as there`, [
      names.migrations,
    ]);
    if (!rows[0].there) {
      await transaction(pool, async (client) => {
        await client.query(`select pg_advisory_xact_lock(${LOCK})`);
        const { rowCount } = await client.query('select from pg_namespace where nspname = $1', [schema]);
        if (rowCount === 0) {
          await client.query(`create schema ${own}`);
          await client.query(`comment on schema ${own} is ${literal(MADE_HERE)}`);
        }
        const { rows: tables } = await client.query<{ there: boolean }>(
          'select to_regclass($1) is not null as there',
          [names.migrations],
        );
        if (tables[0].there) return;
        await client.query(MIGRATIONS_TABLE.replaceAll('{schema}', own));
        await client.query(`comment on table ${names.migrations} is ${literal(MADE_HERE)}`);
      });
    }
    await migrate(pool, schema);
  } catch (error) {
    throw translated(error);
  }
}

/** Removes what `prepareRegistry` made, once no store is left in it; within a transaction. */
export async function removeRegistry(client: PoolClient, schema: string): Promise<void> {
  const own = quoted(schema);
  const names = registryOf(schema);
  await client.query(`select pg_advisory_xact_lock(${LOCK})`);
  const { rows } = await client.query<{ tables: string | null; schema: string | null }>(
    `select obj_description(to_regclass($1), 'pg_class') as tables,
            (select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = $2) as schema`,
    [names.migrations, schema],
  );
  if (rows[0].tables === MADE_HERE) {
    const stores = await client.query(`select from ${names.stores} limit 1`).catch(() => ({ rowCount: 0 }));
    if (stores.rowCount !== 0) return;
    for (const table of REGISTRY_TABLES) await client.query(`drop table if exists ${own}.${quoted(table)}`);
  }
  if (rows[0].schema !== MADE_HERE) return;
  const { rowCount } = await client.query(
    `select from pg_depend d join pg_namespace n on n.oid = d.refobjid
     where d.refclassid = 'pg_namespace'::regclass and n.nspname = $1 limit 1`,
    [schema],
  );
  // Something of others in it: it stays.
  if (rowCount === 0) await client.query(`drop schema ${own}`);
}
