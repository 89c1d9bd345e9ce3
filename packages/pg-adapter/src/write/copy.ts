import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from } from 'pg-copy-streams';
import type { IdType } from '../schema/tables.ts';
import { onConflict, type Target } from './insert.ts';
import { eachRow, type WriteRow, type WriteRows } from './rows.ts';

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const TRAILER = Buffer.from([0xff, 0xff]);
const UNIQUE_VIOLATION = '23505';
/** Ids of a batch that tell whether its rows are new. */
const SAMPLE = 32;

/**
 * Writes many rows by COPY BINARY: straight into the tables when they look new, else, or when one of them turns out
 * not to be, through a temporary table.
 */
export async function copyRows(
  client: PoolClient,
  targets: readonly Target[],
  rows: WriteRows,
  idType: IdType,
): Promise<void> {
  if (await looksNew(client, targets[0].table, rows, idType)) {
    await client.query('savepoint straight');
    try {
      for (const target of targets) await copyInto(client, target, target.table, rows, idType);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
      await client.query('rollback to savepoint straight');
    }
  }
  for (const [number, target] of targets.entries()) {
    const stage = `nestbit_stage_${number}`;
    const columns = target.columns.join(', ');
    await client.query(
      `create temporary table ${stage} on commit drop as select ${columns} from ${target.table} limit 0`,
    );
    await copyInto(client, target, stage, rows, idType);
    await client.query(
      `insert into ${target.table} (${columns}) select ${columns} from ${stage} order by id ${onConflict(target.columns)}`,
    );
  }
}

async function looksNew(
  client: PoolClient,
  table: string,
  rows: WriteRows,
  idType: IdType,
): Promise<boolean> {
  const step = Math.max(1, Math.floor(rows.ids.length / SAMPLE));
  const ids = rows.ids.filter((_, i) => i % step === 0);
  const found = await client.query(`select from ${table} where id = any($1::${idType}[]) limit 1`, [ids]);
  return found.rowCount === 0;
}

async function copyInto(
  client: PoolClient,
  target: Target,
  table: string,
  rows: WriteRows,
  idType: IdType,
): Promise<void> {
  const stream = client.query(
    from(`copy ${table} (${target.columns.join(', ')}) from stdin (format binary)`),
  );
  const ended = finished(stream);
  ended.catch(() => {});
  const write = async (bytes: Buffer): Promise<void> => {
    if (!stream.write(bytes)) await Promise.race([once(stream, 'drain'), ended]);
  };
  try {
    await write(SIGNATURE);
    for await (const some of eachRow(rows)) await write(tuples(some, target, idType));
    stream.end(TRAILER);
  } catch (error) {
    stream.destroy(error as Error);
  }
  await ended;
}

// https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
function tuples(rows: readonly WriteRow[], { columns }: Target, idType: IdType): Buffer {
  const payloads = rows.map(({ payload }) => (payload === null ? null : Buffer.from(`\u0001${payload}`)));
  const ids = idType === 'text' ? rows.map(({ id }) => Buffer.from(id)) : undefined;
  const idLength = (row: number): number => ids?.[row].length ?? (idType === 'uuid' ? 16 : 8);
  let length = 0;
  for (const [row, { bits, int8 }] of rows.entries()) {
    length += 2 + 4 * columns.length + idLength(row) + 8;
    if (columns.includes('bits')) length += 4 + bits.length;
    if (columns.includes('int8')) length += int8.length + (payloads[row]?.length ?? 0);
  }
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const [row, { id, seq, bits, int8 }] of rows.entries()) {
    at = bytes.writeInt16BE(columns.length, at);
    at = bytes.writeInt32BE(idLength(row), at);
    if (ids !== undefined) at += ids[row].copy(bytes, at);
    else if (idType === 'bigint') at = bytes.writeBigInt64BE(BigInt(id), at);
    else at += bytes.write(id.replaceAll('-', ''), at, 'hex');
    at = bytes.writeBigInt64BE(seq, bytes.writeInt32BE(8, at));
    if (columns.includes('bits')) {
      at = bytes.writeInt32BE(bits.length * 8, bytes.writeInt32BE(4 + bits.length, at));
      bytes.set(bits, at);
      at += bits.length;
    }
    if (columns.includes('int8')) {
      at = bytes.writeInt32BE(int8.length, at);
      bytes.set(int8, at);
      at += int8.length;
      const payload = payloads[row];
      at = bytes.writeInt32BE(payload?.length ?? -1, at);
      if (payload !== null) at += payload.copy(bytes, at);
    }
  }
  return bytes;
}
