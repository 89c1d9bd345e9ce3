import { type Codec, formatCodec, NestbitError, outOfRange, parseCodec } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import { translated } from '../sql/failures.ts';
import { MAX_NAME_BYTES } from '../sql/identifiers.ts';
import { checkNames } from './names.ts';
import { registryOf } from './registry-names.ts';
import { createTables, dropTables, type IdType, type Layout, layoutFor, tablesOf } from './tables.ts';

/** The user's own table that a store's codes belong to. */
export interface Source {
  readonly schema: string;
  readonly table: string;
  /** Its primary key, or another unique column. */
  readonly id: string;
  /** Columns that hits bring along as their payload. */
  readonly columns: readonly string[];
  /** Of an id that is text, qualified and quoted; looked up, not stored. */
  readonly collation?: string;
}

/** What the database says of a store. */
export interface StoreRecord {
  readonly name: string;
  readonly idType: IdType;
  readonly layout: Layout;
  readonly codec: Codec;
  readonly fields: readonly string[];
  readonly source: Source | undefined;
}

interface StoreRow {
  readonly id_type: IdType;
  readonly layout: Layout;
  readonly codec: string;
  readonly fields: string[];
  readonly source: Source | null;
}

/** The store of a name, or nothing. @throws NestbitError `CODEC_CORRUPT`, `PERMISSION_DENIED` */
export async function readStore(
  client: Pool | PoolClient,
  schema: string,
  name: string,
): Promise<StoreRecord | undefined> {
  const { rows } = await client
    .query<StoreRow>(
      `select id_type, layout, codec, fields, source from ${registryOf(schema).stores} where name = $1`,
      [name],
    )
    .catch((error) => {
      // No schema yet: no store either.
      if (['42P01', '3F000'].includes((error as { code?: string }).code ?? '')) return { rows: [] };
      throw translated(error);
    });
  const [row] = rows;
  if (row === undefined) return undefined;
  return {
    name,
    idType: row.id_type,
    layout: row.layout,
    codec: parseCodec(row.codec),
    fields: row.fields,
    source: row.source === null ? undefined : await withCollation(client, row.source),
  };
}

/** Comparing text ids in the collation of their column lets an index of the user's serve joins. */
async function withCollation(client: Pool | PoolClient, source: Source): Promise<Source> {
  const { rows } = await client.query<{ collation: string }>(
    `select quote_ident(cn.nspname) || '.' || quote_ident(co.collname) as collation
     from pg_attribute a
     join pg_class t on t.oid = a.attrelid
     join pg_namespace tn on tn.oid = t.relnamespace
     join pg_collation co on co.oid = a.attcollation
     join pg_namespace cn on cn.oid = co.collnamespace
     where tn.nspname = $1 and t.relname = $2 and a.attname = $3`,
    [source.schema, source.table, source.id],
  );
  return rows.length === 0 ? source : { ...source, collation: rows[0].collation };
}

const RESERVED = ['stores', 'migrations', 'shrinks', 'shrink_ranges', 'shrink_errors'];

/** Makes the tables of a store and notes it, within a transaction. @throws NestbitError `STORE_EXISTS` */
export async function createStore(
  client: PoolClient,
  schema: string,
  record: Omit<StoreRecord, 'layout' | 'fields'>,
): Promise<void> {
  const { name, idType, codec, source } = record;
  // Names of the tables and the index are made by adding to it.
  if (Buffer.byteLength(name) > MAX_NAME_BYTES - 5 || name === '') {
    throw outOfRange(`name must have 1 to ${MAX_NAME_BYTES - 5} bytes, got ${Buffer.byteLength(name)}`);
  }
  if (RESERVED.includes(name))
    throw outOfRange(`name must be none of ${RESERVED.join(', ')}, which nestbit uses`);
  const layout = layoutFor(codec);
  const inserted = await client.query(
    `insert into ${registryOf(schema).stores} (name, id_type, layout, dimensions, fingerprint, codec, source)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
    [name, idType, layout, codec.dimensions, codec.fingerprint, formatCodec(codec), source ?? null],
  );
  if (inserted.rowCount === 0)
    throw new NestbitError('STORE_EXISTS', `The store ${name} is there already; open it with PgStore.open.`);
  await checkNames(client, { schema, store: name, follows: false });
  for (const statement of createTables(tablesOf(schema, name, layout), idType, layout, codec))
    await client.query(statement);
}

/**
 * Removes a store with its codes, within a transaction.
 *
 * @throws NestbitError `UNSUPPORTED` for a store that follows a table, whose triggers would be left behind
 */
export async function dropStore(
  client: PoolClient,
  schema: string,
  { name, layout, source }: StoreRecord,
): Promise<void> {
  if (await followsTable(client, schema, name)) {
    throw new NestbitError(
      'UNSUPPORTED',
      `The store ${name} follows ${source?.schema}.${source?.table}, whose triggers belong to it. Take both back with ` +
        `nestbit shrink rollback --store ${name}, or Shrink.rollback.`,
    );
  }
  await client.query(dropTables(tablesOf(schema, name, layout)));
  await client.query(`delete from ${registryOf(schema).stores} where name = $1`, [name]);
}

async function followsTable(client: PoolClient, schema: string, name: string): Promise<boolean> {
  const { shrinks } = registryOf(schema);
  const { rows } = await client.query<{ there: boolean }>('select to_regclass($1) is not null as there', [
    shrinks,
  ]);
  if (!rows[0].there) return false;
  const { rowCount } = await client.query(`select from ${shrinks} where name = $1`, [name]);
  return rowCount !== 0;
}

/** Adds fields that payloads have, within the transaction that stores them. */
export async function addFields(
  client: PoolClient,
  schema: string,
  name: string,
  fields: readonly string[],
): Promise<void> {
  await client.query(
    `update ${registryOf(schema).stores}
     set fields = array(select distinct unnest(fields || $2::text[]))
     where name = $1 and not fields @> $2::text[]`,
    [name, fields],
  );
}
