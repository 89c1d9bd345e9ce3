import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Calibration, type Codec, ExactSearch, type Hit, MemoryStore, type Store } from '@nestbit/core';
import { fitPca } from '@nestbit/core/train';
import { FaissStore } from '@nestbit/faiss-adapter';
import { PgStore } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { randomVectors } from '../support/vectors.ts';

const WIDTH = 40;
const ROWS = 1500;
const docs = randomVectors(ROWS, WIDTH);
const queries = randomVectors(12, WIDTH, 8);
const ids = Array.from({ length: ROWS }, (_, row) => `doc ${row}`);
const postgres = everyPostgres().find(({ name }) => /pglite/i.test(name));

let codec: Codec;
let folder: string;
let database: Database | undefined;
let expected: Hit[][];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nestbit-mapped-'));
  const { map } = await fitPca([docs], { inputDimensions: WIDTH, dimensions: 24 });
  const calibration = new Calibration({ inputDimensions: WIDTH, map });
  calibration.add(docs);
  codec = calibration.codec();
  const memory = new MemoryStore({ codec, keepEmbeddings: true });
  await memory.upsert({ ids, embeddings: docs });
  expected = await memory.search(queries, { k: 10 });

  // Exact search compares the mapped vectors.
  const search = new ExactSearch(codec.truncate(queries), 24, 10);
  search.add(0, codec.truncate(docs));
  const exact = await memory.exact(queries, { k: 10 });
  search.hits().forEach(({ rows, scores }, query) => {
    expect(exact[query].map(({ id }) => id)).toEqual(Array.from(rows, (row) => ids[row]));
    exact[query].forEach(({ score }, i) => {
      expect(score).toBeCloseTo(scores[i], 6);
    });
  });
});
afterAll(async () => {
  await database?.close();
  await rm(folder, { recursive: true });
});

async function agrees(store: Store): Promise<void> {
  expect(store.codec.fingerprint).toBe(codec.fingerprint);
  expect(await store.search(queries, { k: 10 })).toEqual(expected);
}

test('FaissStore gives the hits of the memory store, also opened anew', async () => {
  const store = await FaissStore.create(join(folder, 'store'), { codec });
  await store.upsert({ ids, embeddings: docs });
  await agrees(store);
  await store.close();
  const again = await FaissStore.open(join(folder, 'store'));
  await agrees(again);
  await again.close();
});

test('PgStore gives the hits of the memory store, also opened anew', async (context) => {
  context.skip(postgres === undefined || postgres.why !== undefined, postgres?.why ?? 'PGlite is not listed');
  database = await (postgres as NonNullable<typeof postgres>).open();
  const store = await PgStore.create(database.pool, { name: 'mapped', codec, idType: 'text' });
  await store.upsert({ ids, embeddings: docs });
  await agrees(store);
  await agrees(await PgStore.open(database.pool, { name: 'mapped' }));
});

test('codes of a codec without the map are refused', async () => {
  const calibration = new Calibration({ inputDimensions: WIDTH, dimensions: 24 });
  calibration.add(docs);
  const memory = new MemoryStore({ codec });
  const codes = calibration.codec().encode(docs);
  await expect(memory.upsert({ ids, codes })).rejects.toThrow(
    expect.objectContaining({ code: 'CODEC_MISMATCH' }),
  );
});
