import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { type Id, Turns, throwIfAborted } from '@nestbit/core';
import type { Connection, PoolClient, QueryResult } from 'pg';
import { from } from 'pg-copy-streams';
import type { IdType, Tables } from '../schema/tables.ts';
import { qualified } from '../sql/identifiers.ts';
import { literal } from '../sql/literals.ts';
import { onConflict, type Target } from './insert.ts';
import type { WriteRows } from './rows.ts';
import { setSeqSql } from './seq.ts';
import { type TupleColumn, tuplesOf } from './tuples.ts';

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const TRAILER = Buffer.from([0xff, 0xff]);
export const UNIQUE_VIOLATION = '23505';
/** Ids of a batch that tell whether its rows are new. */
const SAMPLE = 32;
const STRAIGHT = 'straight';

/** What is known of a batch before its rows are copied. */
export interface CopyLook {
  /** Number of the first row. */
  readonly firstSeq: bigint;
  /** Whether its rows look as if none were there. */
  readonly looksNew: boolean;
}

/** Numbers for the rows of a batch and a look at some of their ids, in one round trip. */
export async function lookBeforeCopy(
  client: Pick<PoolClient, 'query'>,
  { codes, sequence }: Tables,
  ids: readonly Id[],
  idType: IdType,
): Promise<CopyLook> {
  const step = Math.ceil(ids.length / SAMPLE);
  const sample: string[] = [];
  for (let i = 0; i < ids.length; i += step) sample.push(literal(String(ids[i])));
  const texts = [
    `select ${setSeqSql(literal(qualified(sequence)), String(ids.length))} as last`,
    `select exists (select from ${qualified(codes)} where id = any(array[${sample.join(',')}]::${idType}[])) as found`,
  ];
  const [numbered, looked] = (await client.query(texts.join(';'))) as unknown as QueryResult[];
  return {
    firstSeq: BigInt(numbered.rows[0].last) - BigInt(ids.length),
    looksNew: looked.rows[0].found === false,
  };
}

/** A transaction that copies rows. */
export interface CopyTransaction {
  /** Text that begins it. */
  readonly begin: string;
  readonly targets: readonly Target[];
  readonly rows: WriteRows;
  readonly idType: IdType;
  /** Whether the rows look as if none were there. */
  readonly looksNew: boolean;
  /** Before the commit. */
  readonly finish: (() => Promise<void>) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Writes many rows by COPY BINARY: straight into the tables when they look new, else, or when one of them turns out not
 * to be, through a temporary table. What looks new takes one round trip for each table, from `begin` to `commit`:
 * others would wait for the event loop, which the next batch keeps busy.
 */
export async function copyRows(client: PoolClient, copy: CopyTransaction): Promise<void> {
  const { begin, targets, rows, idType, looksNew, finish, signal } = copy;
  if (!looksNew) await client.query(begin);
  else if (await copyStraight(client, copy)) return;
  for (const [number, target] of targets.entries()) {
    const stage = `nestbit_stage_${number}`;
    const columns = target.columns.join(', ');
    await client.query(
      `create temporary table ${stage} on commit drop as select ${columns} from ${target.table} limit 0`,
    );
    await copyInto(client, stage, target.columns, rows, idType);
    await client.query(
      `insert into ${target.table} (${columns}) select ${columns} from ${stage} order by id ${onConflict(target.columns)}`,
    );
  }
  await finish?.();
  throwIfAborted(signal);
  await client.query('commit');
}

/** Whether all rows were new and are committed; if not, the transaction is as it began. */
async function copyStraight(
  client: PoolClient,
  { begin, targets, rows, idType, finish, signal }: CopyTransaction,
): Promise<boolean> {
  try {
    for (const [number, target] of targets.entries()) {
      const last = number === targets.length - 1;
      await copyInto(client, target.table, target.columns, rows, idType, {
        before: number === 0 ? `${begin}savepoint ${STRAIGHT};` : '',
        after: last && finish === undefined ? ';commit' : '',
        signal,
      });
    }
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
    await client.query(`rollback to savepoint ${STRAIGHT}`);
    return false;
  }
  if (finish !== undefined) {
    await finish();
    throwIfAborted(signal);
    await client.query('commit');
  }
  return true;
}

const ROWS_AT_ONCE = 256;

/** Statements in the same text as a COPY; none after it runs when it is aborted before its end. */
interface Around {
  readonly before?: string;
  readonly after?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Copies rows into these columns of a table; other work runs between the slices of many. */
export async function copyInto(
  client: PoolClient,
  table: string,
  columns: readonly TupleColumn[],
  rows: WriteRows,
  idType: IdType,
  around: Around = {},
): Promise<void> {
  const { before = '', after = '', signal } = around;
  const turns = new Turns();
  const count = rows.places.length;
  let memory: Buffer | undefined;
  await copyPieces(
    client,
    `${before}copy ${table} (${columns.join(', ')}) from stdin (format binary)${after}`,
    async (write) => {
      for (let from = 0; from < count; from += ROWS_AT_ONCE) {
        if (turns.due) await turns.give();
        const tuples = tuplesOf(rows, columns, idType, from, Math.min(count, from + ROWS_AT_ONCE), memory);
        if (memory === undefined || tuples.length > memory.length) memory = tuples;
        if (!(await write(tuples))) memory = undefined;
      }
      throwIfAborted(signal);
    },
  );
}

/** Runs a COPY BINARY FROM STDIN with the tuples that `give` writes. */
async function copyPieces(
  client: PoolClient,
  statement: string,
  give: (write: (bytes: Buffer) => Promise<boolean>) => Promise<void>,
): Promise<void> {
  const stream = client.query(from(statement));
  const ended = finished(stream);
  ended.catch(() => {});
  const { stream: socket } = (client as unknown as { readonly connection: Connection }).connection;
  // Whether all bytes are with the kernel, so that their memory is free again.
  const write = async (bytes: Buffer): Promise<boolean> => {
    if (!stream.write(bytes)) await Promise.race([once(stream, 'drain'), ended]);
    return stream.writableLength === 0 && socket.writableLength === 0;
  };
  try {
    await write(SIGNATURE);
    await give(write);
    stream.end(TRAILER);
  } catch (error) {
    stream.destroy(error as Error);
  }
  await ended;
}
