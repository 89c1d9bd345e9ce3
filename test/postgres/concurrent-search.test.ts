import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore, reusingSocket } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';

const WIDTH = 512;
const ROWS = 3000;
const QUERIES = 60;
const vectors = clusteredVectors(ROWS + QUERIES, WIDTH);
let database: Database;
let store: PgStore;
/** Of sockets that read into memory of their own; absent for PGlite. */
let reusing: pg.Pool | undefined;

beforeAll(async () => {
  database = await oneWithVector().open();
  if (database.url !== undefined)
    reusing = new pg.Pool({ connectionString: database.url, stream: reusingSocket });
  const embeddings = vectors.subarray(0, ROWS * WIDTH);
  const codec = (await calibrate([embeddings], { inputDimensions: WIDTH })).codec();
  store = await PgStore.create(database.pool, { name: 'docs', codec, idType: 'text' });
  await store.upsert({ ids: Array.from({ length: ROWS }, (_, row) => `row ${row}`), embeddings });
  await store.buildIndex();
});
afterAll(async () => {
  await reusing?.end();
  await database?.close();
});

const query = (i: number): Float32Array => vectors.subarray((ROWS + i) * WIDTH, (ROWS + i + 1) * WIDTH);

// Answers of 5 to 400 kB, through an index and without.
for (const options of [
  { k: 10, oversample: 1 },
  { k: 10, oversample: 10, prefilter: 300 },
  { k: 100, oversample: 8, prefilter: 800 },
  { k: 10, oversample: 10, exact: true },
]) {
  test(`searches at once find what they find alone, with ${JSON.stringify(options)}`, async () => {
    const alone = [];
    for (let i = 0; i < QUERIES; i++) alone.push(await store.search(query(i), options));
    const together = await Promise.all(
      Array.from({ length: QUERIES }, (_, i) => store.search(query(i), options)),
    );
    expect(together).toEqual(alone);
    if (reusing !== undefined) {
      const other = await PgStore.open(reusing, { name: 'docs' });
      expect(await Promise.all(alone.map((_, i) => other.search(query(i), options)))).toEqual(alone);
    }
    expect(new Set(alone.map(([hits]) => hits[0].id)).size).toBeGreaterThan(10);
  });
}

test('other queries of a pool with such sockets are as ever', async (context) => {
  context.skip(reusing === undefined, 'needs a server');
  const pool = reusing as pg.Pool;
  const text = 'select n, repeat(chr(97 + n % 26), n % 500) as word from generate_series(1, 20000) n';
  const [here, there] = await Promise.all([pool.query(text), database.pool.query(text)]);
  expect(here.rows).toEqual(there.rows);
  const one = (await pool.query({ text: 'select $1::bytea as bytes', values: [Buffer.alloc(3e6, 7)] }))
    .rows[0];
  expect(Buffer.compare(one.bytes, Buffer.alloc(3e6, 7))).toBe(0);
  await expect(pool.query('select 1 / 0')).rejects.toThrow('division by zero');
  const client = await pool.connect();
  const heard = new Promise((resolve) => client.once('notification', resolve));
  await client.query('listen news');
  await database.pool.query("notify news, 'now'");
  expect(await heard).toMatchObject({ channel: 'news', payload: 'now' });
  client.release(true);
});
