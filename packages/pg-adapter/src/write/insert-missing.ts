import type { Codes } from '@nestbit/core';
import type { PoolClient } from 'pg';
import type { IdType, Tables } from '../schema/tables.ts';
import { qualified } from '../sql/identifiers.ts';
import { copyInto, UNIQUE_VIOLATION } from './copy.ts';
import { insertRows, type Target } from './insert.ts';
import { rowsAt, sorted, type WriteRows } from './rows.ts';
import { nextSeq } from './seq.ts';
import type { TupleColumn } from './tuples.ts';

export interface Missing {
  readonly tables: Tables;
  readonly targets: readonly Target[];
  readonly idType: IdType;
  /** As text, in the order of the source's key. */
  readonly ids: readonly string[];
  readonly codes: Codes;
  readonly copy: boolean;
}

/**
 * Stores the rows that are not there yet and leaves the others as they are, within a transaction: what another writer
 * stored meanwhile is newer.
 */
export async function insertMissing(client: PoolClient, missing: Missing): Promise<void> {
  const { tables, targets, idType, ids, codes, copy } = missing;
  const absent = await absentPlaces(client, missing);
  if (absent.length === 0) return;
  const firstSeq = await nextSeq(client, tables, ids.length);
  const rows = rowsAt({ ids, codes, payloads: undefined, firstSeq }, idType, absent);
  if (!copy) {
    await insertRows(client, targets, sorted(rows), () => 'on conflict (id) do nothing');
    return;
  }
  // The payloads are columns of the source.
  const parts = targets.map(({ table, columns }) => ({
    table,
    columns: columns.filter((column) => column !== 'payload'),
  }));
  await client.query('savepoint straight');
  try {
    for (const { table, columns } of parts) await copyInto(client, table, columns, rows, idType);
  } catch (error) {
    // Stored since we looked.
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
    await client.query('rollback to savepoint straight');
    for (const { table, columns } of parts) await throughStage(client, table, columns, rows, idType);
  }
}

async function throughStage(
  client: PoolClient,
  table: string,
  columns: readonly TupleColumn[],
  rows: WriteRows,
  idType: IdType,
): Promise<void> {
  const names = columns.join(', ');
  await client.query(
    `create temporary table nestbit_stage on commit drop as select ${names} from ${table} limit 0`,
  );
  await copyInto(client, 'nestbit_stage', columns, rows, idType);
  await client.query(
    `insert into ${table} (${names}) select ${names} from nestbit_stage order by id on conflict (id) do nothing`,
  );
  await client.query('drop table nestbit_stage');
}

// Few are there as a rule: asking costs far less than a COPY that fails.
async function absentPlaces(client: PoolClient, { tables, idType, ids }: Missing): Promise<Uint32Array> {
  const all = Uint32Array.from(ids, (_, place) => place);
  if (ids.length === 0) return all;
  const bounds = idType === 'bigint' && ids.length > 1;
  // Ids come in the order of the source, which for bigint is that of the codes too.
  const where = bounds ? 'id between $1::bigint and $2::bigint' : `id = any($1::${idType}[])`;
  const { rows } = await client.query<{ id: string }>(
    `select id::text from ${qualified(tables.codes)} where ${where}`,
    bounds ? [ids[0], ids[ids.length - 1]] : [ids],
  );
  if (rows.length === 0) return all;
  const there = new Set(rows.map(({ id }) => id));
  return all.filter((place) => !there.has(ids[place]));
}
