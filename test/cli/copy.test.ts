import { join } from 'node:path';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { PgStore } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { nestbit } from '../support/nestbit.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';

const WIDTH = 64;
const ROWS = 5000;
const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const vectors = clusteredVectors(ROWS, WIDTH, 30);
const ids = Array.from({ length: ROWS }, (_, row) => `row ${row}`);

beforeAll(async () => {
  const codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
  const store = await FaissStore.create(path('from'), { codec, index: { kind: 'flat' } });
  await store.upsert({
    ids,
    embeddings: vectors,
    payloads: ids.map((id, row) => (row % 2 === 0 ? { id } : undefined)),
  });
  await store.delete(['row 7', 'row 4000']);
  await store.close();
  const other = (await calibrate([vectors.subarray(0, 600 * WIDTH)], { inputDimensions: WIDTH })).codec();
  await (await FaissStore.create(path('other'), { codec: other, index: { kind: 'flat' } })).close();
});

for (const { name, why, open } of everyPostgres()) {
  describe(name, () => {
    let database: Database | undefined;
    beforeEach((context) => context.skip(why !== undefined, why));
    afterAll(async () => {
      await database?.close();
    });

    test('faiss to Postgres and back: every row, code and payload is the same', async () => {
      if (name !== 'PGlite') database ??= await open();
      const uri = `${database?.url ?? `pglite:${path('lite')}`}#copied`;
      const back = `faiss:${path(`back-${name}`)}`;
      // Twice: a copy that was ended early is run again.
      for (let round = 0; round < (name === 'PGlite' ? 1 : 2); round++) {
        const there = await nestbit('copy', `faiss:${path('from')}`, uri, '--index', 'flat', '--json');
        expect(there).toMatchObject({ status: 0, err: '' });
        expect(JSON.parse(there.out)).toMatchObject({ rows: ROWS - 2 });
      }
      expect(await nestbit('copy', uri, back)).toMatchObject({
        status: 0,
        out: `${ROWS - 2} rows are in ${back}\n`,
      });
      const before = await FaissStore.open(path('from'), { readOnly: true });
      const after = await FaissStore.open(path(`back-${name}`), { readOnly: true });
      expect(after.codec.fingerprint).toBe(before.codec.fingerprint);
      expect(await after.get(ids)).toEqual(await before.get(ids));
      expect(await after.size()).toBe(ROWS - 2);
      await before.close();
      await after.close();
      expect(await nestbit('copy', uri, `faiss:${path('other')}`)).toMatchObject({
        status: 1,
        err: expect.stringContaining('CODEC_MISMATCH'),
      });
    }, 180_000);

    test('into a store beside a table of one’s own: the table is left alone, hits bring its columns', async (context) => {
      context.skip(name === 'PGlite', 'one process at a time: the table is made by another');
      database ??= await open();
      const { pool, url } = database;
      await pool.query('create table items (name text primary key, title text)');
      await pool.query(`insert into items select 'row ' || i, 'title ' || i from generate_series(0, 99) i`);
      const from = await FaissStore.open(path('from'), { readOnly: true });
      const { codec } = from;
      await from.close();
      const columns = ['title'];
      const store = await PgStore.attach(pool, { table: 'items', id: 'name', columns, codec });
      const uri = `${url}#items`;
      expect(await nestbit('copy', `faiss:${path('from')}`, uri, '--index', 'flat')).toMatchObject({
        status: 0,
      });
      const [hits] = await store.search(vectors.subarray(3 * WIDTH, 4 * WIDTH), { k: 99, payloads: true });
      // Only rows of the table are hits; row 7 has no code.
      expect(hits).toHaveLength(99);
      expect(hits[0]).toMatchObject({ id: 'row 3', payload: { title: 'title 3' } });
      expect((await pool.query('select count(*)::int as n from items')).rows).toEqual([{ n: 100 }]);
      await store.close();
    });
  });
}

test('a store onto itself is bad usage, and one that is not there a failure', async () => {
  expect(await nestbit('copy', 'faiss:x', 'faiss:x')).toMatchObject({ status: 2 });
  expect(await nestbit('copy', `faiss:${path('none')}`, 'faiss:y')).toMatchObject({ status: 1 });
});
