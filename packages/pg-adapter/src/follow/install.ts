import { NestbitError } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import { patientTransaction } from '../connection/patient.ts';
import { LOCK } from '../migrations/migrate.ts';
import { qualified, quoted, type Relation } from '../sql/identifiers.ts';
import { literal } from '../sql/literals.ts';
import { EVENTS, type SyncNames, type SyncSpec, syncRelations, triggerName } from './spec.ts';
import { markRecheck } from './state.ts';
import { functionsDdl, triggersDdl } from './trigger.ts';

/** The statements that install the sync, in order. Running them again does no harm. */
export function syncDdl(spec: SyncSpec, partitions: readonly string[]): string[] {
  const { source } = spec;
  const { queue, due, version, changes, texts } = syncRelations(spec);
  const id = source.idType === 'text' ? 'text collate "C"' : source.idType;
  const next = `nextval(${literal(qualified(version))}::regclass)`;
  return [
    `create sequence if not exists ${qualified(version)}`,
    // Appended and deleted all the time: vacuumed by its dead rows alone.
    `create table if not exists ${qualified(changes)} (id ${id}, at timestamptz not null default now()) ` +
      'with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)',
    `create table if not exists ${qualified(queue)} (id ${id} primary key, version bigint not null default ${next}, ` +
      'changed_at timestamptz not null default now(), claim bigint, claimed_until timestamptz, attempts integer not null default 0, ' +
      'not_before timestamptz, aside boolean not null default false, error text) with (fillfactor = 50)',
    // Claims go by version, and never look at what is set aside.
    `create index if not exists ${quoted(due.name)} on ${qualified(queue)} (version) where not aside`,
    ...(source.kind === 'text'
      ? [`create table if not exists ${qualified(texts)} (id ${id} primary key, hash bytea not null)`]
      : []),
    ...functionsDdl(spec),
    ...triggersDdl(spec, partitions),
  ];
}

/** The table with all its partitions, as SQL writes them. */
export async function partitionsOf(
  client: Pool | PoolClient,
  { source }: Pick<SyncSpec, 'source'>,
): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = $1 or c.oid in (select relid from pg_partition_tree($1::oid))`,
    [source.oid],
  );
  return rows.map(({ name }) => name);
}

/**
 * Installs the sync: queue first, then the triggers, whose lock is given up and asked for again under load. Triggers of
 * the store that are elsewhere, under other names or of an older nestbit go.
 *
 * @param recheck notes that changes may have been missed, for `recheck`
 * @throws NestbitError `PERMISSION_DENIED`, `TIMEOUT`; `STORE_EXISTS` where the table has other triggers of these names
 */
export async function installSync(
  pool: Pool,
  spec: SyncSpec,
  { recheck = false }: { readonly recheck?: boolean } = {},
): Promise<void> {
  await patientTransaction(pool, async (client) => {
    // Postgres refuses two sessions that replace one function at the same moment.
    await client.query(`select pg_advisory_xact_lock(${LOCK})`);
    const tables = await partitionsOf(client, spec);
    await refuseForeignTriggers(client, spec);
    await dropTriggers(client, spec, { names: EVENTS.map((event) => triggerName(spec, event)), tables });
    for (const statement of syncDdl(spec, tables)) await client.query(statement);
    if (recheck) await markRecheck(client, spec.schema, spec.store, true);
  });
}

async function refuseForeignTriggers(client: PoolClient, spec: SyncSpec): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select tgname as name from pg_trigger
     where tgrelid = $1 and tgname = any($2::text[]) and tgfoid is distinct from to_regprocedure($3)`,
    [
      spec.source.oid,
      EVENTS.map((event) => triggerName(spec, event)),
      `${qualified(syncRelations(spec).changed)}()`,
    ],
  );
  if (rows.length === 0) return;
  throw new NestbitError(
    'STORE_EXISTS',
    `The table ${spec.source.schema}.${spec.source.table} has a trigger ${rows[0].name} already, which is not nestbit's. Give the store another name.`,
  );
}

/**
 * Drops triggers of a store wherever they are: also on tables that were renamed or detached.
 *
 * @param kept name and table of those that stay
 */
async function dropTriggers(
  client: PoolClient,
  spec: SyncNames,
  kept?: { readonly names: readonly string[]; readonly tables: readonly string[] },
): Promise<void> {
  const { rows } = await client.query<{ name: string; on: string }>(
    `select t.tgname as name, format('%I.%I', n.nspname, c.relname) as on
     from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
     where t.tgfoid = to_regprocedure($1) and t.tgparentid = 0 order by t.tgrelid, t.tgname`,
    [`${qualified(syncRelations(spec).changed)}()`],
  );
  for (const { name, on } of rows) {
    if (kept?.names.includes(name) === true && kept.tables.includes(on)) continue;
    await client.query(`drop trigger if exists ${quoted(name)} on ${on}`);
  }
}

/** Removes triggers, functions and queue, what there is of them; the codes stay. Needs no table to be there. */
export async function removeSync(pool: Pool, spec: SyncNames, signal?: AbortSignal): Promise<void> {
  const { queue, version, changed, note, changes, texts } = syncRelations(spec);
  await patientTransaction(
    pool,
    async (client) => {
      await dropTriggers(client, spec);
      await client.query(`drop function if exists ${qualified(changed)}()`);
      await dropFunctions(client, note);
      for (const table of [changes, queue, texts])
        await client.query(`drop table if exists ${qualified(table)}`);
      await client.query(`drop sequence if exists ${qualified(version)}`);
    },
    { signal },
  );
}

/** Drops every function of a name, whatever its parameters are. */
export async function dropFunctions(client: PoolClient, { schema, name }: Relation): Promise<void> {
  const { rows } = await client.query<{ signature: string }>(
    `select format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as signature
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1 and p.proname = $2`,
    [schema, name],
  );
  for (const { signature } of rows) await client.query(`drop function ${signature}`);
}
