import type { Pool, PoolClient } from 'pg';
import type { PgIndex } from '../index-build/index-builder.ts';
import { checkNames } from '../schema/names.ts';
import { registryOf } from '../schema/registry-names.ts';
import type { SourceKind } from '../source/kinds.ts';
import { translated } from '../sql/failures.ts';

/**
 * What is to be done next: install the trigger, copy codes of all rows, enqueue what the copying left over, build the
 * index; or nothing.
 */
export type Phase = 'sync' | 'backfill' | 'sweep' | 'index' | 'ready' | 'cutover';

/** What was decided when the store was made. */
export interface ShrinkSettings {
  readonly index: PgIndex | 'none';
  readonly bitsInTrigger: boolean;
  /** The store was there before, made by PgStore.attach: a rollback leaves it. */
  readonly adopted: boolean;
  /** Whether writers NOTIFY; absent: where the server allows no prepared transactions. */
  readonly notify?: boolean;
  /** The triggers were missing for a while: every code is still to be compared with its row. */
  readonly recheck?: boolean;
}

export interface ShrinkState {
  readonly name: string;
  readonly column: string;
  readonly kind: SourceKind;
  readonly settings: ShrinkSettings;
  readonly phase: Phase;
  readonly paused: boolean;
}

/** The migration of a store, or nothing. */
export async function readShrink(
  client: Pool | PoolClient,
  schema: string,
  name: string,
): Promise<ShrinkState | undefined> {
  if (!(await hasTable(client, schema, 'shrinks'))) return undefined;
  const { rows } = await client
    .query(
      `select name, source_column as column, kind, settings, phase, paused from ${registryOf(schema).shrinks} where name = $1`,
      [name],
    )
    .catch((error) => {
      throw translated(error);
    });
  return rows[0] as ShrinkState | undefined;
}

/** Notes that a store follows a table, within a transaction. @throws NestbitError `STORE_EXISTS` for names that are taken */
export async function createShrink(
  client: PoolClient,
  schema: string,
  { name, column, kind, settings }: Omit<ShrinkState, 'phase' | 'paused'>,
): Promise<void> {
  if ((await readShrink(client, schema, name)) !== undefined) return;
  await checkNames(client, { schema, store: name, follows: true, adopted: true });
  await client.query(
    `insert into ${registryOf(schema).shrinks} (name, source_column, kind, settings) values ($1, $2, $3, $4) on conflict do nothing`,
    [name, column, kind, settings],
  );
}

export async function setPhase(
  client: Pool | PoolClient,
  schema: string,
  name: string,
  phase: Phase,
): Promise<void> {
  await client.query(
    `update ${registryOf(schema).shrinks} set phase = $2, changed_at = now() where name = $1`,
    [name, phase],
  );
}

export async function setPaused(pool: Pool, schema: string, name: string, paused: boolean): Promise<boolean> {
  const { rowCount } = await pool.query(
    `update ${registryOf(schema).shrinks} set paused = $2, changed_at = now() where name = $1`,
    [name, paused],
  );
  return rowCount === 1;
}

/** Notes that changes may have been missed, or that every code has been compared with its row since. */
export async function markRecheck(
  client: Pool | PoolClient,
  schema: string,
  name: string,
  wanted: boolean,
): Promise<void> {
  await client.query(
    `update ${registryOf(schema).shrinks} set settings = settings || jsonb_build_object('recheck', $2::boolean) where name = $1`,
    [name, wanted],
  );
}

/** Whether nestbit's schema has a table: before the first migration it has none. */
export async function hasTable(client: Pool | PoolClient, schema: string, table: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2',
    [schema, table],
  );
  return rowCount !== 0;
}

/** Whether nestbit's schema is there. */
export async function prepared(pool: Pool, schema: string): Promise<boolean> {
  const { rowCount } = await pool.query('select from pg_namespace where nspname = $1', [schema]);
  return rowCount !== 0;
}
