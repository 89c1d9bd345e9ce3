import { NestbitError } from '@nestbit/core';
import type { Pool } from 'pg';
import { transaction } from '../connection/transaction.ts';
import { registryOf } from '../schema/registry-names.ts';
import { quoted } from '../sql/identifiers.ts';
import { registry } from './0001-registry.ts';
import { shrink } from './0002-shrink.ts';
import { sync } from './0003-sync.ts';

const MIGRATIONS: readonly { readonly version: number; readonly sql: string }[] = [
  { version: 1, sql: registry },
  { version: 2, sql: shrink },
  { version: 3, sql: sync },
];
/** Tables that the migrations make, those first that refer to others. */
export const REGISTRY_TABLES = ['shrink_errors', 'shrink_ranges', 'shrinks', 'stores', 'migrations'] as const;
export const MIGRATIONS_TABLE =
  'create table if not exists {schema}.migrations (version integer primary key, applied_at timestamptz not null default now())';
/** Serializes concurrent starts: 'nestbit' as an advisory lock. */
export const LOCK = 7_957_695_015_440;

/**
 * Brings the schema up to date, one migration after another in one transaction; nothing happens when it is.
 *
 * @throws NestbitError `PERMISSION_DENIED`; `UNSUPPORTED` when a newer nestbit has been here
 */
export async function migrate(pool: Pool, schema: string): Promise<void> {
  const own = quoted(schema);
  const names = registryOf(schema);
  const latest = MIGRATIONS[MIGRATIONS.length - 1].version;
  const current = await pool
    .query<{ version: number }>(`select max(version) as version from ${names.migrations}`)
    .then(({ rows }) => rows[0]?.version ?? 0)
    // No table yet, or no schema.
    .catch(() => 0);
  if (current === latest) return;
  if (current > latest) {
    throw new NestbitError(
      'UNSUPPORTED',
      `The schema ${schema} is at version ${current}, this nestbit knows up to ${latest}. Update nestbit.`,
    );
  }
  await transaction(pool, async (client) => {
    await client.query(`select pg_advisory_xact_lock(${LOCK})`);
    // A role that may not create schemas can work in one that was made for it.
    const there = await client.query('select from pg_namespace where nspname = $1', [schema]);
    if (there.rowCount === 0) await client.query(`create schema ${own}`);
    await client.query(MIGRATIONS_TABLE.replaceAll('{schema}', own));
    const { rows } = await client.query<{ version: number }>(`select version from ${names.migrations}`);
    const done = new Set(rows.map(({ version }) => version));
    for (const { version, sql } of MIGRATIONS) {
      if (done.has(version)) continue;
      await client.query(sql.replaceAll('{schema}', own));
      await client.query(`insert into ${names.migrations} (version) values ($1)`, [version]);
    }
  });
}
