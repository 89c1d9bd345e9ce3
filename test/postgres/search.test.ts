import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Codec, calibrate, type Filter, MemoryStore } from '@nestbit/core';
import { ClusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { PgStore } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';

const WIDTH = 256;
const ROWS = 20_000;
const QUERIES = 20;

let database: Database;
let codec: Codec;
let store: PgStore;
let oracle: MemoryStore;
let queries: Float32Array;

beforeAll(async () => {
  database = await oneWithVector().open();
  const stream = new ClusteredVectors(WIDTH, 64, 1, 0.45);
  queries = stream.take(QUERIES);
  const embeddings = stream.take(ROWS);
  codec = (await calibrate([embeddings], { inputDimensions: WIDTH })).codec();
  const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row));
  const payloads = ids.map((id) => ({ half: Number(id) % 2, percent: Number(id) % 100, row: Number(id) }));
  store = await PgStore.create(database.pool, { name: 'docs', codec, idType: 'bigint' });
  oracle = new MemoryStore({ codec });
  for (const one of [store, oracle]) await one.upsert({ ids, embeddings, payloads });
  await store.buildIndex();
  await database.pool.query('analyze');
});
afterAll(async () => {
  await database?.close();
});

async function recall(options: object): Promise<{ recall: number; fewest: number }> {
  const found = await store.search(queries, options);
  const wanted = await oracle.search(queries, { oversample: 100, prefilter: 20_000, ...options });
  let common = 0;
  let total = 0;
  for (const [query, hits] of wanted.entries()) {
    const ids = new Set(found[query].map(({ id }) => id));
    total += hits.length;
    common += hits.filter(({ id }) => ids.has(id)).length;
  }
  return { recall: common / total, fewest: Math.min(...found.map((hits) => hits.length)) };
}

for (const prefilter of [100, 1000, 3000]) {
  test(`${prefilter} candidates come through the index, as explain says, and find what is near`, async () => {
    const options = { k: 10, oversample: Math.min(200, prefilter / 10), prefilter };
    const explained = await store.explain(queries.subarray(0, WIDTH), options);
    expect(explained).toMatchObject({ plan: 'hnsw', usesIndex: true, prefilter });
    expect(explained.server).toMatch(/Index Scan using docs_ann/);
    const [{ hamming }] = await store.candidates(queries.subarray(0, WIDTH), options);
    expect(hamming).toHaveLength(prefilter);
    expect((await recall(options)).recall).toBeGreaterThan(0.95);
  });
}

for (const [name, filter, rows] of [
  ['50 %', { half: 1 }, ROWS / 2],
  ['1 %', { percent: 7 }, ROWS / 100],
  ['0.01 %', { row: { in: [17, 4242] } }, 2],
] as [string, Filter, number][]) {
  test(`under a filter of ${name} there are k hits wherever k exist, and the near ones`, async () => {
    const found = await recall({ k: 10, filter });
    expect(found.fewest).toBe(Math.min(10, rows));
    expect(found.recall).toBeGreaterThan(0.95);
    const many = await store.search(queries.subarray(0, WIDTH), { k: 300, filter });
    expect(many[0]).toHaveLength(Math.min(300, rows));
  });
}

test('an exact search is asked for or happens without an index, finds what the memory store finds, and explain says why', async () => {
  const query = queries.subarray(0, WIDTH);
  expect(await store.explain(query, { exact: true })).toMatchObject({
    plan: 'exact',
    why: 'asked for',
    usesIndex: false,
  });
  expect(await store.search(queries, { exact: true })).toEqual(await oracle.search(queries));
  const bare = await PgStore.create(database.pool, { name: 'bare', codec });
  expect(await bare.explain(query)).toMatchObject({ plan: 'exact', why: 'no index' });
  await bare.drop();
});

test('an index on the expression that docs/postgres.md names serves a filter on a payload field', async () => {
  const { pool } = database;
  await pool.query(`create index docs_row on nestbit.docs ((coalesce(payload -> 'row', 'null'::jsonb)))`);
  await pool.query('analyze nestbit.docs');
  const { server } = await store.explain(queries.subarray(0, WIDTH), { exact: true, filter: { row: 17 } });
  expect(server).toMatch(/docs_row/);
  await pool.query('drop index nestbit.docs_row');
});

test('hits are those of a flat FaissStore of the same codec', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nestbit-same-'));
  const faiss = await FaissStore.create(join(folder, 'store'), { codec });
  const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row));
  const rows = await oracle.get(ids);
  const memory = codec.allocate(ROWS);
  const { layout } = codec;
  for (const [at, row] of rows.entries()) {
    memory.bits.set(row?.bits ?? [], at * layout.bits);
    memory.scalars.set(row?.scalars ?? [], at * layout.scalars);
    memory.copies.set(row?.copy ?? [], at * layout.copy);
  }
  await faiss.upsert({
    ids,
    codes: { fingerprint: codec.fingerprint, rows: ROWS, ...memory, saturated: 0 },
  });
  for (const options of [
    {},
    { k: 3, oversample: 5, prefilter: 40 },
    { k: 100, oversample: 1, prefilter: 100 },
  ]) {
    expect(await store.search(queries, { exact: true, ...options })).toEqual(
      await faiss.search(queries, options),
    );
  }
  await faiss.close();
  await rm(folder, { recursive: true });
});

test('the build of an index tells how far it is', async (context) => {
  context.skip(database.url === undefined, 'needs a server: PGlite has one connection, which builds');
  const other = await PgStore.create(database.pool, { name: 'built', codec, idType: 'bigint' });
  const stream = new ClusteredVectors(WIDTH, 64, 2);
  for (let batch = 0; batch < 4; batch++) {
    const ids = Array.from({ length: 8000 }, (_, row) => BigInt(batch * 8000 + row));
    await other.upsert({ ids, embeddings: stream.take(8000) });
  }
  const told: { phase: string; done: number }[] = [];
  await other.buildIndex({ kind: 'hnsw' }, { onProgress: (phase, done) => told.push({ phase, done }) });
  expect(told.length).toBeGreaterThan(0);
  // Every phase counts anew.
  for (const [i, { phase, done }] of told.entries()) {
    expect(done).toBeGreaterThanOrEqual(told[i - 1]?.phase === phase ? told[i - 1].done : 0);
    expect(done).toBeLessThanOrEqual(1);
  }
  await other.drop();
});

test('an invalid index is not used, is built anew, and then is', async () => {
  const { pool } = database;
  const other = await PgStore.create(pool, { name: 'broken', codec, idType: 'bigint' });
  await other.upsert({ ids: [1n, 2n], embeddings: queries.subarray(0, 2 * WIDTH) });
  await other.buildIndex();
  await pool.query(
    `update pg_index set indisvalid = false where indexrelid = 'nestbit.broken_ann'::regclass`,
  );
  const again = await PgStore.open(pool, { name: 'broken' });
  const query = queries.subarray(0, WIDTH);
  expect(await again.explain(query)).toMatchObject({
    plan: 'exact',
    why: expect.stringContaining('invalid'),
  });
  expect(await again.buildIndex()).toMatchObject({ kind: 'hnsw', valid: true });
  expect(await again.explain(query)).toMatchObject({ plan: 'hnsw' });
  await again.drop();
});

test('IVFFlat on request, its lists read as asked', async () => {
  const { pool } = database;
  const ivf = await PgStore.create(pool, { name: 'ivf', codec, idType: 'bigint' });
  const ids = Array.from({ length: QUERIES }, (_, row) => BigInt(row));
  await ivf.upsert({ ids, embeddings: queries });
  await ivf.buildIndex({ kind: 'ivfflat', lists: 4 });
  const explained = await ivf.explain(queries.subarray(0, WIDTH), { probes: 4 });
  expect(explained).toMatchObject({
    plan: 'ivfflat',
    settings: expect.stringContaining('ivfflat.probes = 4'),
  });
  const hits = await ivf.search(queries, { k: 1, probes: 1 });
  expect(hits.map(([hit]) => hit.id)).toEqual(ids);
  await ivf.drop();
});

test('a search ends the time that its pool gives a query', async (context) => {
  context.skip(database.url === undefined, 'needs a server: PGlite has no query_timeout');
  const pool = new pg.Pool({ connectionString: database.url, max: 1, query_timeout: 60_000 });
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const hurried = await PgStore.open(pool, { name: 'docs' });
  await hurried.search(queries);
  const before = timers();
  for (let i = 0; i < 5; i++) await hurried.search(queries);
  expect(timers()).toBe(before);
  await pool.end();
});

test('settings of a search do not leak into the connections of the pool', async () => {
  await store.search(queries, { k: 10 });
  for (let i = 0; i < 8; i++) {
    const { rows } = await database.pool.query(`select current_setting('enable_seqscan') as seqscan`);
    expect(rows[0].seqscan).toBe('on');
  }
});
