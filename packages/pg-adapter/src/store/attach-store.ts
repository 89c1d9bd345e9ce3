import { type Codec, NestbitError } from '@nestbit/core';
import { transaction } from '../connection/transaction.ts';
import { createStore, readStore, type Source } from '../schema/registry.ts';
import type { IdType } from '../schema/tables.ts';
import { type OpenOptions, openExisting, type PgPool, prepare, SCHEMA } from './open-store.ts';
import type { OpenedStore } from './opened-store.ts';

export interface AttachOptions extends Omit<OpenOptions, 'name'> {
  readonly codec: Codec;
  /** The user's table. */
  readonly table: string;
  /** Its schema. Default: the first of the search path that has the table. */
  readonly tableSchema?: string;
  /** Its primary key, or another column with a unique index, of type bigint, integer, uuid or text. */
  readonly id: string;
  /** Columns that hits bring along as their payload. Default none; filters may use any column. */
  readonly columns?: readonly string[];
  /** Column of the embeddings that the codes are made from, for searches with `floats`. */
  readonly embedding?: string;
  /** Name of the store. Default: that of the table. */
  readonly name?: string;
}

/** Types of an id column, and that of the codes beside it. */
const ID_TYPES: Readonly<Record<string, IdType>> = {
  int2: 'bigint',
  int4: 'bigint',
  int8: 'bigint',
  uuid: 'uuid',
  text: 'text',
  varchar: 'text',
};

export async function attachStore(pool: PgPool, options: AttachOptions): Promise<OpenedStore> {
  const { codec, table, id, columns = [], name = table, schema = SCHEMA } = options;
  const found = await sourceColumns(pool, table, options.tableSchema);
  for (const column of [id, ...columns, ...(options.embedding === undefined ? [] : [options.embedding])]) {
    if (found.types.has(column)) continue;
    throw new NestbitError(
      'COLUMN_NOT_FOUND',
      `The table ${found.schema}.${table} has no column ${JSON.stringify(column)}; there are: ${[...found.types.keys()].join(', ')}.`,
    );
  }
  const type = found.types.get(id) as string;
  const idType = ID_TYPES[type];
  if (idType === undefined) {
    throw new NestbitError(
      'ID_TYPE',
      `The column ${id} is of type ${type}; ids are of ${Object.keys(ID_TYPES).join(', ')}. Choose another unique column.`,
    );
  }
  checkId(found, id);
  const source: Source = { schema: found.schema, table, id, columns };
  await prepare(pool, schema);
  if ((await readStore(pool, schema, name)) === undefined) {
    await transaction(pool, (client) => createStore(client, schema, { name, idType, codec, source })).catch(
      (error) => {
        // Another process attached it meanwhile.
        if (!(error instanceof NestbitError) || error.code !== 'STORE_EXISTS') throw error;
      },
    );
  }
  const store = await openExisting(pool, { ...options, name });
  const before = store.record.source;
  if (before?.schema === source.schema && before.table === table && before.id === id)
    return store.withColumns(columns, options.embedding);
  throw new NestbitError(
    'STORE_EXISTS',
    `The store ${name} belongs to ${before === undefined ? 'no table' : `${before.schema}.${before.table} (${before.id})`}, ` +
      `not to ${source.schema}.${table} (${id}). Give another name.`,
  );
}

interface Column {
  readonly schema: string;
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly unique: boolean;
  readonly kind: string;
  readonly temporary: boolean;
}

interface Found {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly Column[];
  readonly types: ReadonlyMap<string, string>;
}

/**
 * Refuses an id that does not name one row: hits would carry another row's payload. Views, materialized views and foreign
 * tables say nothing of it: there the caller answers for it.
 *
 * @throws NestbitError `ID_TYPE`; `UNSUPPORTED` for a temporary table, which only one session sees
 */
function checkId({ schema, table, columns }: Found, id: string): void {
  const { kind, temporary, required, unique } = columns.find(({ name }) => name === id) as Column;
  if (temporary) {
    throw new NestbitError(
      'UNSUPPORTED',
      `${schema}.${table} is a temporary table, which only its own session sees. Attach a lasting table.`,
    );
  }
  if ((kind !== 'r' && kind !== 'p') || (required && unique)) return;
  throw new NestbitError(
    'ID_TYPE',
    `The column ${id} of ${schema}.${table} ${required ? 'has no unique index over it alone and over all rows' : 'may be null'}, ` +
      'so it does not name one row. Give the primary key, or make it not null with a unique index.',
  );
}

/** Types by column. @throws NestbitError `TABLE_NOT_FOUND` */
async function sourceColumns(pool: PgPool, table: string, schema: string | undefined): Promise<Found> {
  const { rows } = await pool.query<Column>(
    `select n.nspname as schema, a.attname as name, t.typname as type, a.attnotnull as required,
            c.relkind as kind, c.relpersistence = 't' as temporary,
            exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid
                    and i.indnkeyatts = 1 and i.indkey[0] = a.attnum and i.indpred is null) as "unique"
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     join pg_type t on t.oid = a.atttypid
     where c.relname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f')
       and case when $2::text is null then pg_table_is_visible(c.oid) else n.nspname = $2 end
     order by a.attnum`,
    [table, schema ?? null],
  );
  if (rows.length === 0) {
    throw new NestbitError(
      'TABLE_NOT_FOUND',
      `There is no table ${JSON.stringify(table)} ${schema === undefined ? 'in the search path; give tableSchema' : `in the schema ${schema}`}.`,
    );
  }
  return {
    schema: rows[0].schema,
    table,
    columns: rows,
    types: new Map(rows.map(({ name, type }) => [name, type])),
  };
}
