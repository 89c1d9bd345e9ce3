import { type Codec, calibrate, type Id } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';

// Upserts that are under way together: what one asks ahead is asked while the one before is written. Of so many rows
// each goes by COPY.
const ROWS = 1500;
// Bits stand in the table of the codes up to some width, and beyond it in one of their own.
const WIDTHS = [64, 2048];

let database: Database;
const codecs = new Map<number, Codec>();
const vectors = new Map<number, Float32Array>();
let store: PgStore | undefined;

beforeAll(async () => {
  database = await oneWithVector().open();
  for (const width of WIDTHS) {
    const rows = clusteredVectors(ROWS, width);
    vectors.set(width, rows);
    codecs.set(width, (await calibrate([rows], { inputDimensions: width })).codec());
  }
});
afterEach(async () => {
  await store?.drop();
});
afterAll(async () => {
  await database?.close();
});

async function make(
  width: number,
  pool = database.pool,
): Promise<(first: number, n: number) => Promise<void>> {
  const made = await PgStore.create(pool, {
    name: 'docs',
    codec: codecs.get(width) as Codec,
    idType: 'bigint',
  });
  store = made;
  const embeddings = vectors.get(width) as Float32Array;
  return async (first, n) =>
    await made.upsert({ ids: range(first), embeddings, payloads: range(0).map(() => ({ [`f${n}`]: n })) });
}

const range = (first: number): bigint[] => Array.from({ length: ROWS }, (_, row) => BigInt(first + row));

for (const width of WIDTHS) {
  test(`of ${width} dimensions, the last of batches of the same rows wins, whole, whether they were new or there`, async () => {
    const upsert = await make(width);
    for (const round of [0, 3]) {
      await Promise.all([0, 1, 2].map((n) => upsert(0, round + n)));
      expect(await store?.size()).toBe(ROWS);
      const payloads = (await store?.get(range(0)))?.map((row) => JSON.stringify(row?.payload));
      expect([...new Set(payloads)]).toEqual([JSON.stringify({ [`f${round + 2}`]: round + 2 })]);
    }
    // Rows of which some are there: those that were asked for are not.
    await Promise.all([upsert(ROWS - 1, 6), upsert(2 * ROWS - 2, 7)]);
    expect(await store?.size()).toBe(3 * ROWS - 2);
  });
}

test('rows that tie come in the order of the calls that wrote them', async () => {
  await make(64);
  const one = (vectors.get(64) as Float32Array).subarray(0, 64);
  const embeddings = new Float32Array(ROWS * 64);
  for (let row = 0; row < ROWS; row++) embeddings.set(one, row * 64);
  const firsts = [2 * ROWS, ROWS, 0];
  await Promise.all(firsts.map((first) => store?.upsert({ ids: range(first), embeddings })));
  const [hits] = (await store?.search(one, { k: 2000, exact: true, oversample: 1, prefilter: 2000 })) ?? [];
  expect(hits.map(({ id }) => id)).toEqual([...range(2 * ROWS), ...range(ROWS).slice(0, 500)]);
});

test('a batch that is refused or aborted leaves those before and after it', async () => {
  const upsert = await make(64);
  const embeddings = vectors.get(64) as Float32Array;
  const controller = new AbortController();
  const texts: Id[] = range(ROWS).map(String);
  const all = [
    upsert(0, 0),
    refusal(() => store?.upsert({ ids: texts, embeddings })),
    refusal(() => store?.upsert({ ids: range(2 * ROWS), embeddings }, { signal: controller.signal })),
    upsert(3 * ROWS, 1),
  ] as const;
  await all[0];
  controller.abort();
  expect(await all[1]).toMatch(/^ID_TYPE: /);
  expect(await all[2]).toMatch(/^ABORTED: /);
  await all[3];
  expect(await store?.size()).toBe(2 * ROWS);
  expect((await store?.get([0n, BigInt(2 * ROWS), BigInt(3 * ROWS)]))?.map((row) => row?.payload)).toEqual([
    { f0: 0 },
    undefined,
    { f1: 1 },
  ]);
});

test('a pool of one connection that does not let one wait for it is enough', async (context) => {
  context.skip(database.url === undefined, 'needs a server: PGlite has one connection anyway');
  const pool = new pg.Pool({ connectionString: database.url, max: 1, connectionTimeoutMillis: 1 });
  // The first connection takes longer than that.
  pool.options.connectionTimeoutMillis = 5000;
  await pool.query('select 1');
  pool.options.connectionTimeoutMillis = 1;
  const upsert = await make(64, pool);
  await Promise.all([0, 1, 2, 3].map((n) => upsert(n * ROWS, n)));
  expect(await store?.size()).toBe(4 * ROWS);
  await store?.drop();
  store = undefined;
  await pool.end();
});
