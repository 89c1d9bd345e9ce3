import { NestbitError } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import type { IdType } from '../schema/tables.ts';
import { translated } from '../sql/failures.ts';
import { KINDS, type SourceKind } from './kinds.ts';
import type { SourceTable } from './source-table.ts';

export interface DescribeOptions {
  readonly table: string;
  /** Default: the first schema of the search path that has the table. */
  readonly tableSchema?: string | undefined;
  /** Default: the primary key. */
  readonly id?: string | undefined;
  /** Column of the embeddings (or of the texts). */
  readonly column: string;
}

/** Types of an id column, and that of the codes beside it. */
export const ID_TYPES: Readonly<Record<string, IdType>> = {
  int2: 'bigint',
  int4: 'bigint',
  int8: 'bigint',
  uuid: 'uuid',
  text: 'text',
  varchar: 'text',
};

interface Column {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly sql: string;
  readonly modifier: number;
  readonly required: boolean;
  readonly send: string;
  readonly collation: string | null;
  readonly deterministic: boolean | null;
}

interface Table {
  readonly oid: number;
  readonly schema: string;
  readonly kind: string;
}

/**
 * Looks a table up as a source: its key, the kind of its embeddings, their declared width.
 *
 * @throws NestbitError `TABLE_NOT_FOUND`, `COLUMN_NOT_FOUND`; `ID_TYPE` for a key that cannot be followed;
 * `UNSUPPORTED` for a view, a foreign table, or a column that holds no embeddings
 */
export async function describeSource(
  client: Pool | PoolClient,
  options: DescribeOptions,
): Promise<SourceTable> {
  const table = await findTable(client, options);
  const columns = await columnsOf(client, table.oid);
  const column = named(columns, options.column, table, options.table);
  const kind = kindOf(column);
  const id = await idOf(client, columns, table, options);
  return {
    schema: table.schema,
    table: options.table,
    id: id.name,
    idType: ID_TYPES[id.type],
    idSqlType: id.sql,
    idCollation: id.collation ?? undefined,
    column: column.name,
    kind,
    send: ['jsonb', 'text', 'bytea'].includes(kind) ? undefined : column.send,
    dimensions: ['vector', 'halfvec'].includes(kind) && column.modifier > 0 ? column.modifier : undefined,
    partitioned: table.kind === 'p',
    oid: table.oid,
  };
}

async function rowsOf<T>(client: Pool | PoolClient, text: string, values: unknown[]): Promise<T[]> {
  const { rows } = await client.query(text, values).catch((error) => {
    throw translated(error);
  });
  return rows as T[];
}

async function findTable(client: Pool | PoolClient, { table, tableSchema }: DescribeOptions): Promise<Table> {
  const [found] = await rowsOf<Table>(
    client,
    `select c.oid::int8::float8 as oid, n.nspname as schema, c.relkind as kind
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f')
       and case when $2::text is null then pg_table_is_visible(c.oid) else n.nspname = $2 end`,
    [table, tableSchema ?? null],
  );
  if (found === undefined) {
    throw new NestbitError(
      'TABLE_NOT_FOUND',
      `There is no table ${JSON.stringify(table)} ${tableSchema === undefined ? 'in the search path; give its schema' : `in the schema ${tableSchema}`}.`,
    );
  }
  if (found.kind === 'r' || found.kind === 'p') return found;
  const what = { v: 'view', m: 'materialized view', f: 'foreign table' }[found.kind] ?? 'relation';
  throw new NestbitError(
    'UNSUPPORTED',
    `${found.schema}.${table} is a ${what}, whose changes no trigger sees. Give the table behind it.`,
  );
}

async function columnsOf(client: Pool | PoolClient, oid: number): Promise<Column[]> {
  return await rowsOf<Column>(
    client,
    // A domain is what it is made of, whatever it is called.
    `with recursive typed as (
       select attnum as number, attname as name, attnotnull as required, attcollation as collation, atttypid as type, atttypmod as modifier
       from pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped
       union all
       select d.number, d.name, d.required, d.collation, t.typbasetype, t.typtypmod
       from typed d join pg_type t on t.oid = d.type where t.typtype = 'd')
     select a.name, a.number, t.typname as type, format_type(a.type, a.modifier) as sql, a.modifier, a.required,
            format('%I.%I', pn.nspname, p.proname) as send,
            case when t.typcollation <> 0 then format('%I.%I', cn.nspname, l.collname) end as collation,
            l.collisdeterministic as deterministic
     from typed a
     join pg_type t on t.oid = a.type and t.typtype <> 'd'
     left join pg_proc p on p.oid = t.typsend
     left join pg_namespace pn on pn.oid = p.pronamespace
     left join pg_collation l on l.oid = a.collation
     left join pg_namespace cn on cn.oid = l.collnamespace
     order by a.number`,
    [oid],
  );
}

function named(columns: readonly Column[], name: string, { schema }: Table, table: string): Column {
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  throw new NestbitError(
    'COLUMN_NOT_FOUND',
    `The table ${schema}.${table} has no column ${JSON.stringify(name)}; there are: ${columns.map((one) => one.name).join(', ')}.`,
  );
}

function kindOf(column: Column): SourceKind {
  const kind = KINDS[column.type];
  if (kind !== undefined) return kind;
  throw new NestbitError(
    'UNSUPPORTED',
    `The column ${column.name} is of type ${column.sql}; embeddings are of vector, halfvec, real[], double precision[], ` +
      'bytea (float32, little-endian), json or jsonb (an array of numbers). Add a column of such a type.',
  );
}

async function idOf(
  client: Pool | PoolClient,
  columns: readonly Column[],
  table: Table,
  options: DescribeOptions,
): Promise<Column> {
  const name = options.id ?? (await primaryKey(client, columns, table, options.table));
  const id = named(columns, name, table, options.table);
  const refuse = (why: string): NestbitError =>
    new NestbitError('ID_TYPE', `The column ${name} of ${table.schema}.${options.table} ${why}`);
  if (ID_TYPES[id.type] === undefined) {
    throw refuse(
      `is of type ${id.sql}; ids are smallint, integer, bigint, uuid, text or varchar. Name another unique column.`,
    );
  }
  if (id.deterministic === false)
    throw refuse(
      'has a nondeterministic collation, under which different texts are equal. Name another unique column.',
    );
  if (!id.required)
    throw refuse(
      'may be null, and a row without an id has no code. Set it not null, or name another unique column.',
    );
  const unique = await rowsOf(
    client,
    `select from pg_index where indrelid = $1 and indisunique and indisvalid and indnkeyatts = 1
       and indkey[0] = $2 and indpred is null`,
    [table.oid, id.number],
  );
  if (unique.length === 0) {
    const part =
      table.kind === 'p'
        ? ' In a partitioned table that needs the partition key in it: follow each partition by itself.'
        : '';
    throw refuse(`has no unique index over it alone. Make one (create unique index concurrently).${part}`);
  }
  return id;
}

async function primaryKey(
  client: Pool | PoolClient,
  columns: readonly Column[],
  table: Table,
  name: string,
): Promise<string> {
  const [key] = await rowsOf<{ numbers: number[] }>(
    client,
    `select array(select unnest(indkey) limit indnkeyatts)::int4[] as numbers from pg_index where indrelid = $1 and indisprimary`,
    [table.oid],
  );
  const names = (key?.numbers ?? []).map(
    (number) => columns.find((one) => one.number === number)?.name ?? '?',
  );
  if (names.length === 1) return names[0];
  const what = names.length === 0 ? 'no primary key' : `the composite primary key (${names.join(', ')})`;
  const part =
    table.kind === 'p' ? ', or follow each partition, with a unique index of its own, by itself' : '';
  throw new NestbitError(
    'ID_TYPE',
    `The table ${table.schema}.${name} has ${what}; a code belongs to one id. Name a column that is unique by itself ` +
      `(--id), or add one: alter table … add column nestbit_id bigint generated always as identity unique${part}.`,
  );
}
