import type { Pool, PoolClient } from 'pg';
import { copies } from '../connection/copies.ts';
import { type TransactionOptions, transaction } from '../connection/transaction.ts';
import { addFields, type StoreRecord } from '../schema/registry.ts';
import type { Tables } from '../schema/tables.ts';
import { qualified } from '../sql/identifiers.ts';
import { beginCopy, type CopyBegun, copyRows } from './copy.ts';
import { insertRows, targetsOf } from './insert.ts';
import type { UnnumberedRows } from './rows.ts';
import { nextSeq } from './seq.ts';

/** From so many rows on, COPY beats statements of many rows. */
const ROWS_FOR_COPY = 1024;

export interface Write {
  readonly schema: string;
  readonly record: StoreRecord;
  readonly tables: Tables;
  /** Sorted. */
  readonly rows: UnnumberedRows;
  /** Fields that no payload had before. */
  readonly fields: readonly string[];
  readonly signal: AbortSignal | undefined;
}

/** Stores a batch in one transaction; again, whole, when a clash or a lost connection ended that. */
export async function writeRows(pool: Pool, write: Write): Promise<void> {
  const { schema, record, tables, fields, signal } = write;
  const { ids } = write.rows;
  const targets = targetsOf(tables, record.layout);
  let begun: CopyBegun | undefined;
  const beginning =
    ids.length >= ROWS_FOR_COPY && copies(pool)
      ? {
          begin: async (client: PoolClient, text: string) => {
            begun = await beginCopy(client, text, tables, ids, record.idType);
          },
        }
      : {};
  await transaction(
    pool,
    async (client) => {
      const firstSeq = begun?.firstSeq ?? (await nextSeq(client, tables, ids.length));
      const rows = { ...write.rows, firstSeq };
      if (begun === undefined) await insertRows(client, targets, rows);
      else await copyRows(client, targets, rows, record.idType, begun.looksNew);
      if (fields.length > 0) await addFields(client, schema, record.name, fields);
    },
    { ...options(signal), ...beginning },
  );
}

/** Deletes rows; gives how many there were. */
export async function removeRows(
  pool: Pool,
  tables: Tables,
  { idType, layout }: StoreRecord,
  ids: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const remove = (table: string): string =>
    `with gone as (select id from ${table} where id = any($1::${idType}[]) order by id for update)
     delete from ${table} t using gone where t.id = gone.id`;
  return await transaction(
    pool,
    async (client) => {
      const { rowCount } = await client.query(remove(qualified(tables.codes)), [ids]);
      if (layout === 'split') await client.query(remove(qualified(tables.bits)), [ids]);
      return rowCount ?? 0;
    },
    options(signal),
  );
}

function options(signal: AbortSignal | undefined): TransactionOptions {
  return signal === undefined ? {} : { signal };
}
