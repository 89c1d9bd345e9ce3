import { NestbitError } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import type { SourceTable } from '../source/source-table.ts';
import { qualified } from '../sql/identifiers.ts';
import { type Event, type SyncNames, type SyncSpec, syncRelations, triggerName } from './spec.ts';

/** A trigger of a store, as the database has it. */
interface Trigger {
  readonly name: string;
  readonly table: { readonly oid: number; readonly schema: string; readonly name: string };
  readonly event: Event;
  /** Fires for changes of applications. */
  readonly enabled: boolean;
  /** Given by Postgres to a partition. */
  readonly ofPartition: boolean;
  /** Columns that its condition reads, by their names of now. */
  readonly columns: readonly string[];
  /** Whether it appends its changes; an older nestbit's does not. */
  readonly appends: boolean;
}

/** Triggers of a store on whatever table. */
async function triggersOf(client: Pool | PoolClient, spec: SyncNames): Promise<Trigger[]> {
  const { changed, note } = syncRelations(spec);
  const { rows } = await client.query<{
    name: string;
    oid: number;
    schema: string;
    table: string;
    type: number;
    enabled: boolean;
    of_partition: boolean;
    columns: string[];
    appends: boolean;
  }>(
    `select t.tgname as name, c.oid::int8::float8 as oid, n.nspname as schema, c.relname as table, t.tgtype::int as type,
            t.tgenabled in ('O', 'A') as enabled, t.tgparentid <> 0 as of_partition,
            array(select a.attname::text from pg_depend d
                  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid and not a.attisdropped
                  where d.classid = 'pg_trigger'::regclass and d.objid = t.oid and d.refclassid = 'pg_class'::regclass
                    and d.refobjid = t.tgrelid and d.refobjsubid > 0 order by a.attnum) as columns,
            exists (select from pg_depend d join pg_proc p on p.oid = d.refobjid join pg_namespace pn on pn.oid = p.pronamespace
                    where d.classid = 'pg_trigger'::regclass and d.objid = t.oid and d.refclassid = 'pg_proc'::regclass
                      and pn.nspname = $2 and p.proname = $3) as appends
     from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
     where t.tgfoid = to_regprocedure($1) order by c.oid, t.tgname`,
    [`${qualified(changed)}()`, note.schema, note.name],
  );
  return rows.map((row) => ({
    name: row.name,
    table: { oid: row.oid, schema: row.schema, name: row.table },
    event: eventOf(row.type),
    enabled: row.enabled,
    ofPartition: row.of_partition,
    columns: row.columns,
    appends: row.appends,
  }));
}

// pg_trigger.tgtype: 4 insert, 8 delete, 16 update, 32 truncate (src/include/catalog/pg_trigger.h).
function eventOf(type: number): Event {
  if ((type & 32) !== 0) return 'truncate';
  return (type & 16) !== 0 ? 'update' : (type & 8) !== 0 ? 'delete' : 'insert';
}

/** How the triggers of a store are. */
export interface TriggerState {
  /** What is wrong with them, each by itself; empty: they see every change. */
  readonly problems: readonly string[];
  /** Whether they are as this version of nestbit makes them. */
  readonly current: boolean;
}

/** Compares the triggers that are there with those that should be. */
export async function triggerState(client: Pool | PoolClient, spec: SyncSpec): Promise<TriggerState> {
  const { source } = spec;
  const all = await triggersOf(client, spec);
  const problems: string[] = [];
  const own = all.filter(({ table, ofPartition }) => table.oid === source.oid && !ofPartition);
  const on = `${source.schema}.${source.table}`;
  const watched: Readonly<Record<Event, readonly string[]>> = {
    insert: [source.column],
    update: [source.column, source.id],
    delete: [],
    truncate: [],
  };
  for (const event of ['insert', 'update', 'delete', 'truncate'] as const) {
    const found = own.find((one) => one.event === event);
    if (found === undefined) problems.push(`the trigger ${triggerName(spec, event)} is missing on ${on}`);
    else if (!watched[event].every((column) => found.columns.includes(column)))
      problems.push(
        `the trigger ${found.name} on ${on} watches ${found.columns.join(' and ')}, not ${watched[event].join(' and ')}`,
      );
  }
  for (const { name, table, enabled } of all) {
    const mine = table.oid === source.oid || source.partitioned;
    if (mine && !enabled) problems.push(`the trigger ${name} is disabled on ${table.schema}.${table.name}`);
  }
  const children = await childrenOf(client, source.oid);
  if (children.length > 0)
    problems.push(
      `${on} has got children by inheritance, whose changes no trigger sees: ${children.join(', ')}`,
    );
  const current = own.every(({ event, appends }) => event === 'truncate' || appends);
  return { problems, current };
}

/** Tables that inherit from a table without being its partitions. */
export async function childrenOf(client: Pool | PoolClient, oid: number): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%s.%s', n.nspname, c.relname) as name
     from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_namespace n on n.oid = c.relnamespace
     where i.inhparent = $1 and not c.relispartition order by 1`,
    [oid],
  );
  return rows.map(({ name }) => name);
}

/** @throws NestbitError `UNSUPPORTED` for a table with children by inheritance */
export async function refuseChildren(client: Pool | PoolClient, source: SourceTable): Promise<void> {
  const children = await childrenOf(client, source.oid);
  if (children.length === 0) return;
  throw new NestbitError(
    'UNSUPPORTED',
    `The table ${source.schema}.${source.table} has children by inheritance (${children.join(', ')}): their rows are read with it, but its triggers ` +
      'do not see them change. Follow each table by itself, or make them partitions.',
  );
}

/** Where a store's triggers are: the table that it follows, under its names of now. */
export interface Located {
  readonly schema: string;
  readonly table: string;
  readonly id: string | undefined;
  readonly column: string | undefined;
}

/**
 * Looks the followed table up by its triggers, which follow it through every change of name. Nothing when they are
 * gone, as with the table.
 */
export async function locateSource(client: Pool | PoolClient, spec: SyncNames): Promise<Located | undefined> {
  const all = (await triggersOf(client, spec)).filter(({ ofPartition }) => !ofPartition);
  const deleted = all.find(({ event }) => event === 'delete');
  if (deleted === undefined) return undefined;
  const columnsOf = (event: Event): readonly string[] =>
    all.find((one) => one.event === event && one.table.oid === deleted.table.oid)?.columns ?? [];
  const inserted = columnsOf('insert');
  // An older nestbit's trigger of DELETE has no condition, and that of INSERT reads the embedding alone.
  const id = deleted.columns[0] ?? columnsOf('update').find((column) => !inserted.includes(column));
  const column = inserted.find((one) => one !== id);
  return { schema: deleted.table.schema, table: deleted.table.name, id, column };
}
