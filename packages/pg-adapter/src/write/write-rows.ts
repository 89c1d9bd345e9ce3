import type { Pool, PoolClient } from 'pg';
import { codeColumns } from '../codes/columns.ts';
import { copies } from '../connection/copies.ts';
import { atOnce, type TransactionOptions, transaction } from '../connection/transaction.ts';
import { addFields, type StoreRecord } from '../schema/registry.ts';
import type { IdType, Tables } from '../schema/tables.ts';
import { qualified } from '../sql/identifiers.ts';
import { type CopyLook, copyRows, lookBeforeCopy } from './copy.ts';
import { insertRows, targetsOf } from './insert.ts';
import type { RowKeys, UnnumberedRows } from './rows.ts';
import { nextSeq } from './seq.ts';

/** From so many rows on, COPY beats statements of many rows. */
const ROWS_FOR_COPY = 1024;

export interface Write {
  readonly schema: string;
  readonly record: StoreRecord;
  readonly tables: Tables;
  /** Sorted. */
  readonly rows: UnnumberedRows;
  /** What was asked ahead. */
  readonly look: CopyLook | undefined;
  /** Fields that no payload had before. */
  readonly fields: readonly string[];
  readonly signal: AbortSignal | undefined;
}

/** What may be asked before a batch's turn: nothing of one that goes by statements. */
export async function lookAhead(
  pool: Pool,
  tables: Tables,
  { ids }: RowKeys,
  idType: IdType,
): Promise<CopyLook | undefined> {
  if (ids.length < ROWS_FOR_COPY || !copies(pool)) return undefined;
  return await lookBeforeCopy(pool, tables, ids, idType);
}

/** Stores a batch in one transaction; again, whole, when a clash or a lost connection ended that. */
export async function writeRows(pool: Pool, write: Write): Promise<void> {
  const { schema, record, tables, fields, signal } = write;
  const { idType } = record;
  const { ids } = write.rows;
  const targets = targetsOf(tables, record.layout, codeColumns(record.codec));
  const finish =
    fields.length === 0
      ? undefined
      : (client: PoolClient): Promise<void> => addFields(client, schema, record.name, fields);
  if (ids.length < ROWS_FOR_COPY || !copies(pool)) {
    await transaction(
      pool,
      async (client) => {
        const firstSeq = await nextSeq(client, tables, ids.length);
        await insertRows(client, targets, { ...write.rows, firstSeq });
        await finish?.(client);
      },
      options(signal),
    );
    return;
  }
  let { look } = write;
  await atOnce(pool, options(signal), async (client, begin) => {
    look ??= await lookBeforeCopy(client, tables, ids, idType);
    const { firstSeq, looksNew } = look;
    await copyRows(client, {
      begin,
      targets,
      rows: { ...write.rows, firstSeq },
      idType,
      looksNew,
      finish: finish && (() => finish(client)),
      signal,
    });
  });
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
