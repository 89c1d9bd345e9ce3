import { NestbitError } from '@nestbit/core';
import type { Pool } from 'pg';
import {
  type Following,
  type FollowRecord,
  followedSource,
  followRecord,
  whereNow,
} from '../follow/following.ts';
import { refuseChildren } from '../follow/installed.ts';
import { describeSource } from '../source/describe.ts';
import { refuseHiddenRows } from '../source/row-security.ts';
import type { SourceTable } from '../source/source-table.ts';
import { resolveTable } from '../source/table-name.ts';
import { SCHEMA } from '../store/open-store.ts';
import type { ShrinkTarget } from './options.ts';

/** A target by which its store is found, and its table where one was named. */
export interface NamedTarget extends ShrinkTarget {
  /** Of the store. */
  readonly name: string;
  readonly schema: string;
}

/** The store that a target means. @throws TypeError for a target without table and name */
export async function namedTarget(pool: Pool, target: ShrinkTarget): Promise<NamedTarget> {
  const { schema = SCHEMA } = target;
  if (target.table === undefined) return { ...target, schema, name: target.name as string };
  const { table, tableSchema } = await resolveTable(pool, target.table, target.tableSchema);
  return {
    ...target,
    table,
    ...(tableSchema !== undefined && { tableSchema }),
    schema,
    name: target.name ?? table,
  };
}

/** The source of a target, all rows of which are seen. @throws NestbitError as `describeSource`; `UNSUPPORTED` for texts */
export async function sourceOf(
  pool: Pool,
  { name, table, tableSchema, id, column }: NamedTarget,
): Promise<SourceTable> {
  if (table === undefined || column === undefined)
    throw new NestbitError(
      'STORE_NOT_FOUND',
      `No migration has begun under the name ${name}; give the table and the column of the embeddings to begin one.`,
    );
  const source = await describeSource(pool, { table, tableSchema, id, column });
  if (source.kind === 'text') throw texts(source);
  await refuseHiddenRows(pool, source);
  await refuseChildren(pool, source);
  return source;
}

function texts({ table, column }: SourceTable): NestbitError {
  return new NestbitError(
    'UNSUPPORTED',
    `The column ${column} of ${table} holds text; shrink reads embeddings. Texts are encoded by nestbit sync with a model.`,
  );
}

/** The migration of a target as the database has it; nothing when none has begun. @throws NestbitError `STORE_EXISTS` */
export async function findContext(pool: Pool, target: NamedTarget): Promise<Following | undefined> {
  const found = await followRecord(pool, target.schema, target.name);
  if (found === undefined) return undefined;
  await refuseOtherTable(found, target);
  const context = await followedSource(found);
  if (context.source.kind === 'text') throw texts(context.source);
  return context;
}

/**
 * Refuses a target that names another table than the one that its store follows. The names of the table before it was
 * renamed will do, as long as no other table has them.
 *
 * @throws NestbitError `STORE_EXISTS`
 */
export async function refuseOtherTable(found: FollowRecord, target: NamedTarget): Promise<void> {
  const { pool, name, record, state } = found;
  const own = record.source;
  const { table, tableSchema = own?.schema, column = state.column, id = own?.id } = target;
  if (table === undefined) return;
  const recorded = { schema: own?.schema, table: own?.table, id: own?.id, column: state.column };
  const wanted = { schema: tableSchema, table, id, column };
  if (same(recorded, wanted)) return;
  const now = await whereNow(found);
  // The id of the target may be the recorded one, which was renamed.
  if (now !== undefined && same({ ...now, id: now.id ?? id }, { ...wanted, id: target.id ?? now.id })) return;
  const { rowCount } = await pool.query(
    `select from pg_class c join pg_namespace n on n.oid = c.relnamespace
     left join pg_attribute a on a.attrelid = c.oid and a.attname = $3 and not a.attisdropped
     where c.relname = $1 and n.nspname = $2 and c.relkind in ('r', 'p') and a.attnum is not null`,
    [table, tableSchema, column],
  );
  const there = now ?? recorded;
  if (rowCount === 0 && wasNamed(found, wanted)) return;
  throw new NestbitError(
    'STORE_EXISTS',
    `The store ${name} follows ${there.schema}.${there.table} (${there.id}, ${there.column}), not ${tableSchema}.${table} ` +
      `(${id}, ${column}). Give another name.`,
  );
}

// A store that bears the table's own name was made for it, whatever the table is called now.
function wasNamed({ name, record }: FollowRecord, wanted: { table: string }): boolean {
  return wanted.table === name || wanted.table === record.source?.table;
}

interface Names {
  readonly schema: string | undefined;
  readonly table: string | undefined;
  readonly id: string | undefined;
  readonly column: string | undefined;
}

function same(a: Names, b: Names): boolean {
  return a.schema === b.schema && a.table === b.table && a.id === b.id && a.column === b.column;
}

/** @throws NestbitError `STORE_NOT_FOUND` when no migration has begun */
export async function contextOf(pool: Pool, target: NamedTarget): Promise<Following> {
  const found = await findContext(pool, target);
  if (found !== undefined) return found;
  throw new NestbitError(
    'STORE_NOT_FOUND',
    `No migration${target.table === undefined ? '' : ` of ${target.table}`} has begun under the name ${target.name}; begin it with shrink start.`,
  );
}
