import { type Codec, type Codes, calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, expect, type TestContext, test, vi } from 'vitest';
import type { IdType } from '../../packages/pg-adapter/src/schema/tables.ts';
import { rowsAt } from '../../packages/pg-adapter/src/write/rows.ts';
import { tuplesOf } from '../../packages/pg-adapter/src/write/tuples.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';

const WIDTH = 1024;
/** More than the buffers of a connection hold. */
const ROWS = 20_000;

const native = everyPostgres().find(({ name }) => name === 'native 17 with pgvector');
let database: Database | undefined;
let pool: pg.Pool;
let codec: Codec;
const vectors = clusteredVectors(ROWS, WIDTH);
const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row));

beforeAll(async () => {
  codec = (await calibrate([vectors.subarray(0, 1000 * WIDTH)], { inputDimensions: WIDTH })).codec();
  if (native?.why !== undefined) return;
  database = await native?.open();
  pool = new pg.Pool({ connectionString: database?.url, max: 1 });
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});

async function make(context: TestContext): Promise<PgStore> {
  context.skip(database === undefined, `needs a server on this machine: ${native?.why}`);
  return await PgStore.create(pool, { name: 'docs', codec, idType: 'bigint' });
}

async function expectAll(store: PgStore): Promise<void> {
  const expected = codec.encode(vectors);
  const bits = new Uint8Array(expected.bits.length);
  const copies = new Uint8Array(expected.copies.length);
  let row = 0;
  for await (const batch of store.rows()) {
    expect(batch.ids).toEqual(ids.slice(row, row + batch.ids.length));
    bits.set(batch.codes.bits, (row * WIDTH) / 8);
    copies.set(batch.codes.copies, row * codec.layout.copy);
    row += batch.ids.length;
  }
  expect(row).toBe(ROWS);
  expect(Buffer.compare(bits, expected.bits)).toBe(0);
  expect(Buffer.compare(copies, expected.copies)).toBe(0);
}

test('a server that stands still within a COPY gets every row as it was, though the memory of rows is used again', async (context) => {
  const store = await make(context);
  const client = await pool.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const { stream } = (client as unknown as { connection: pg.Connection }).connection;
  client.release();
  let waited = 0;
  let still = false;
  const toggling = setInterval(() => {
    still = !still;
    process.kill(rows[0].pid, still ? 'SIGSTOP' : 'SIGCONT');
    if (stream.writableLength > 0) waited++;
  }, 8);
  try {
    await store.upsert({ ids, embeddings: vectors });
  } finally {
    clearInterval(toggling);
    process.kill(rows[0].pid, 'SIGCONT');
  }
  expect(waited).toBeGreaterThan(0);
  await expectAll(store);
  await store.drop();
});

test('a COPY of many rows takes the memory of a few', async (context) => {
  const store = await make(context);
  const taken = vi.spyOn(Buffer, 'allocUnsafe');
  await store.upsert({ ids, embeddings: vectors });
  const bytes = taken.mock.calls.reduce((sum, [size]) => sum + size, 0);
  taken.mockRestore();
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(4 << 20);
  await expectAll(store);
  await store.drop();
});

/** The integers of 8 bytes in tuples of an id and a row number. */
function integers(numbers: readonly bigint[], idType: IdType, firstSeq: bigint): bigint[][] {
  const codes: Codes = { ...codec.encode(vectors.subarray(0, numbers.length * WIDTH)) };
  const rows = rowsAt({ ids: numbers, codes, payloads: undefined, firstSeq }, idType);
  const tuples = tuplesOf(rows, ['id', 'seq'], idType, 0, numbers.length);
  return numbers.map((_, row) => {
    const at = row * 26;
    expect([tuples.readInt16BE(at), tuples.readInt32BE(at + 2), tuples.readInt32BE(at + 14)]).toEqual([
      2, 8, 8,
    ]);
    return [tuples.readBigInt64BE(at + 6), tuples.readBigInt64BE(at + 18)];
  });
}

test('ids and numbers of rows come whole, also where their low half is full', () => {
  const numbers = [-(2n ** 63n), -1n, 0n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n - 1n];
  for (const firstSeq of [0n, 2n ** 31n - 2n, 2n ** 32n - 3n, 2n ** 53n, 2n ** 63n - 7n]) {
    const expected = numbers.map((id, row) => [id, firstSeq + BigInt(row)]);
    expect(integers(numbers, 'bigint', firstSeq)).toEqual(expected);
  }
});
