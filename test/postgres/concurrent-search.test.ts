import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';

const WIDTH = 512;
const ROWS = 3000;
const QUERIES = 60;
const vectors = clusteredVectors(ROWS + QUERIES, WIDTH);
let database: Database;
let store: PgStore;

beforeAll(async () => {
  database = await oneWithVector().open();
  const embeddings = vectors.subarray(0, ROWS * WIDTH);
  const codec = (await calibrate([embeddings], { inputDimensions: WIDTH })).codec();
  store = await PgStore.create(database.pool, { name: 'docs', codec, idType: 'text' });
  await store.upsert({ ids: Array.from({ length: ROWS }, (_, row) => `row ${row}`), embeddings });
  await store.buildIndex();
});
afterAll(async () => {
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
    expect(new Set(alone.map(([hits]) => hits[0].id)).size).toBeGreaterThan(10);
  });
}
