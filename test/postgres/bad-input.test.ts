import { type Codec, calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';

const WIDTH = 64;
const vectors = clusteredVectors(600, WIDTH);
let database: Database;
let codec: Codec;

beforeAll(async () => {
  database = await oneWithVector().open();
  codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
});
afterAll(async () => {
  await database?.close();
});

/** Names that SQL would stumble over. */
const NAMES = [
  'a"b',
  "o'clock; drop table x; --",
  'select',
  'größe\u{1F600}',
  'UPPER lower',
  '%s $1 {schema}',
];

for (const name of NAMES) {
  test(`a schema, a store, a table and columns may be called ${name}`, async () => {
    const { pool } = database;
    const store = await PgStore.create(pool, { name, schema: `${name}!`, codec });
    await store.upsert({ ids: [name], embeddings: vectors.subarray(0, WIDTH), payloads: [{ [name]: name }] });
    await store.buildIndex();
    const [[hit]] = await store.search(vectors.subarray(0, WIDTH), {
      filter: { [name]: name },
      payloads: true,
    });
    expect(hit).toMatchObject({ id: name, payload: { [name]: name } });
    await store.drop();
    const quoted = `"${name.replaceAll('"', '""')}"`;
    await pool.query(`create table ${quoted} (${quoted} text primary key, "v ""1" text)`);
    await pool.query(`insert into ${quoted} values ($1, $2)`, [name, `${name}'`]);
    const attached = await PgStore.attach(pool, {
      table: name,
      id: name,
      columns: ['v "1'],
      name: `at ${name}`,
      codec,
    });
    await attached.upsert({ ids: [name], embeddings: vectors.subarray(0, WIDTH) });
    const filter = { 'v "1': `${name}'` };
    const [[row]] = await attached.search(vectors.subarray(0, WIDTH), { filter, payloads: true });
    expect(row).toMatchObject({ id: name, payload: filter });
    await attached.drop();
    await pool.query(`drop table ${quoted}`);
  });
}

test('filters with hostile fields and values are data', async () => {
  const store = await PgStore.create(database.pool, { name: 'hostile', codec });
  const hostile = [`x' or '1'='1`, '"; drop table nestbit.stores; --', '$1', '\\', '%', '{"a":1}', 'null'];
  const ids = hostile.map((_, i) => `row-${i}`);
  const payloads = hostile.map((value, i) => ({ value, [value]: i }));
  await store.upsert({ ids, embeddings: vectors.subarray(0, ids.length * WIDTH), payloads });
  for (const [i, value] of hostile.entries()) {
    for (const filter of [{ value }, { [value]: i }, { value: { gte: value, lte: value } }]) {
      const [hits] = await store.search(vectors.subarray(0, WIDTH), { filter });
      expect(hits.map(({ id }) => id)).toEqual([`row-${i}`]);
    }
  }
  expect(await refusal(() => store.search(vectors.subarray(0, WIDTH), { filter: { value: 'a\0' } }))).toMatch(
    /^FILTER_VALUE: /,
  );
  await store.drop();
});

test('stores of another codec, missing stores and a second store of a name are refused with both sides', async () => {
  const { pool } = database;
  const store = await PgStore.create(pool, { name: 'once', codec });
  expect(await refusal(() => PgStore.create(pool, { name: 'once', codec }))).toMatch(/^STORE_EXISTS: .*once/);
  expect(await refusal(() => PgStore.open(pool, { name: 'never' }))).toMatch(/^STORE_NOT_FOUND: .*never/);
  const other = (await calibrate([vectors], { inputDimensions: WIDTH, dimensions: 32 })).codec();
  const said = await refusal(() => PgStore.open(pool, { name: 'once', codec: other }));
  expect(said).toMatch(new RegExp(`^CODEC_MISMATCH: .*${codec.fingerprint}.*64.*${other.fingerprint}.*32`));
  expect(await refusal(() => store.upsert({ ids: [1n], embeddings: vectors.subarray(0, WIDTH) }))).toMatch(
    /^ID_TYPE: .*1n is no text/,
  );
  await store.drop();
});

test('ids of a uuid store are UUIDs in any spelling, others are refused', async () => {
  const store = await PgStore.create(database.pool, { name: 'uuids', codec, idType: 'uuid' });
  const id = 'E4F3C1DE-9F0E-4C77-9F5E-5F0A3C1F7A11';
  await store.upsert({ ids: [id], embeddings: vectors.subarray(0, WIDTH) });
  expect((await store.search(vectors.subarray(0, WIDTH)))[0][0].id).toBe(id.toLowerCase());
  expect(await store.delete([id])).toBe(1);
  expect(await refusal(() => store.get(['row-1']))).toMatch(/^ID_TYPE: .*row-1.*UUIDs/);
  await store.drop();
});

test('attach names missing tables and columns, and ids of a type that cannot be', async () => {
  const { pool } = database;
  await pool.query('create table plain (id integer primary key, title text, spot point)');
  await pool.query(`insert into plain select i, 'title ' || i from generate_series(1, 100) i`);
  const attach = (options: object): Promise<unknown> =>
    PgStore.attach(pool, { table: 'plain', id: 'id', codec, ...options });
  expect(await refusal(() => attach({ table: 'nowhere' }))).toMatch(/^TABLE_NOT_FOUND: .*nowhere/);
  expect(await refusal(() => attach({ tableSchema: 'x' }))).toMatch(/^TABLE_NOT_FOUND: .*schema x/);
  expect(await refusal(() => attach({ id: 'key' }))).toMatch(/^COLUMN_NOT_FOUND: .*"key".*id, title, spot/);
  expect(await refusal(() => attach({ id: 'spot' }))).toMatch(/^ID_TYPE: .*point/);
  const store = await PgStore.attach(pool, { table: 'plain', id: 'id', columns: ['title'], codec });
  const ids = Array.from({ length: 100 }, (_, i) => BigInt(i + 1));
  await store.upsert({ ids, embeddings: vectors.subarray(0, 100 * WIDTH) });
  const [hits] = await store.search(vectors.subarray(0, WIDTH), {
    k: 2,
    payloads: true,
    filter: { id: { lte: 50 } },
  });
  expect(hits[0]).toMatchObject({ id: 1n, payload: { title: 'title 1' } });
  // A row that the user deletes is not found any more, though its codes are there.
  await pool.query('delete from plain where id = 1');
  expect((await store.search(vectors.subarray(0, WIDTH), { k: 1 }))[0][0].id).not.toBe(1n);
  expect(await refusal(() => store.search(vectors.subarray(0, WIDTH), { filter: { nope: 1 } }))).toMatch(
    /^FILTER_FIELD: .*title/,
  );
  const payloads = [{ a: 1 }];
  expect(
    await refusal(() => store.upsert({ ids: [2n], embeddings: vectors.subarray(0, WIDTH), payloads })),
  ).toMatch(/^UNSUPPORTED: .*plain/);
  await store.drop();
});

test('wide rows keep their bits in a table of their own, with the same answers', async () => {
  const wide = clusteredVectors(300, 1704, 20);
  const made = (await calibrate([wide], { inputDimensions: 1704 })).codec();
  const store = await PgStore.create(database.pool, { name: 'wide', codec: made, idType: 'bigint' });
  const ids = Array.from({ length: 300 }, (_, row) => BigInt(row));
  await store.upsert({ ids, embeddings: wide, payloads: ids.map((id) => ({ odd: Number(id % 2n) })) });
  await store.buildIndex();
  for (const options of [{}, { exact: true }, { filter: { odd: 1 } }, { oversample: 2, prefilter: 20 }]) {
    const hits = await store.search(wide.subarray(1704, 2 * 1704), { k: 3, ...options });
    expect(hits[0][0].id).toBe(1n);
  }
  expect((await store.get([5n]))[0]?.bits).toEqual(made.encode(wide.subarray(5 * 1704, 6 * 1704)).bits);
  expect(await store.delete([1n, 2n])).toBe(2);
  expect(await store.size()).toBe(298);
  await store.drop();
});
