import { PgStore, Shrink } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';
import { literalOf, makeTable, WIDTH } from '../support/shrink-table.ts';

const ROWS = 1200;
let database: Database;
beforeAll(async () => {
  database = await oneWithVector().open();
});
afterAll(async () => {
  await database?.close();
});

test('a wide table with NULLs, NaN vectors and other widths: told by id, all others done', async () => {
  const { pool } = database;
  await makeTable(pool, 'wide', ROWS);
  for (let column = 0; column < 60; column++)
    await pool.query(`alter table wide add column c${column} text default 'value ${column}'`);
  await pool.query(`update wide set embedding = null where id in (3, 700)`);
  await pool.query(`update wide set embedding[5] = 'NaN' where id in (4, 701)`);
  await pool.query(`update wide set embedding[1] = 'Infinity' where id = 5`);
  await pool.query(`update wide set embedding = embedding[1:10] where id = 6`);
  await pool.query(`update wide set embedding = array_fill(0::real, array[${WIDTH}]) where id = 7`);
  const shrink = new Shrink(pool, { table: 'wide', column: 'embedding' });
  expect((await shrink.plan()).sample).toMatchObject({ nulls: 2, others: [{ dimensions: 10, rows: 1 }] });
  const status = await shrink.start();
  expect(status).toMatchObject({
    phase: 'ready',
    backfill: { done: ROWS, encoded: ROWS - 7, nulls: 2, bad: 5 },
    nullExamples: ['3', '700'],
    errorCount: 5,
  });
  expect(Object.fromEntries(status.errors.map(({ id, code }) => [id, code]))).toEqual({
    '4': 'VECTOR_NOT_FINITE',
    '701': 'VECTOR_NOT_FINITE',
    '5': 'VECTOR_NOT_FINITE',
    '6': 'DIMENSIONS',
    '7': 'VECTOR_ZERO',
  });
  expect(await shrink.verify({ queries: 10 })).toMatchObject({
    ok: true,
    parity: { right: ROWS - 7, bad: 5, nulls: 2 },
  });
  // Mended rows get their codes, broken ones lose them.
  await pool.query(
    `update wide set embedding = (select embedding from wide where id = 8) where id in (3, 4, 6)`,
  );
  await pool.query(`update wide set embedding = null where id = 9`);
  expect((await shrink.start()).errorCount).toBe(3);
  expect(await shrink.verify({ queries: 0 })).toMatchObject({
    ok: true,
    parity: { right: ROWS - 5, pending: 0 },
  });
  await shrink.rollback();
});

test('a partitioned table in a schema whose names need quoting', async () => {
  const { pool } = database;
  await pool.query(`create schema "My ""schema"`);
  await pool.query(
    `create table "My ""schema"."Table; drop" ("Id" uuid primary key, "e""m" vector(${WIDTH})) partition by hash ("Id")`,
  );
  for (let part = 0; part < 3; part++)
    await pool.query(
      `create table "My ""schema"."part ${part}" partition of "My ""schema"."Table; drop" for values with (modulus 3, remainder ${part})`,
    );
  const { vectors } = await makeTable(pool, 'plain', ROWS, { type: `vector(${WIDTH})` });
  await pool.query(
    `insert into "My ""schema"."Table; drop" select md5(id::text)::uuid, embedding from plain`,
  );
  const shrink = new Shrink(pool, {
    table: 'Table; drop',
    tableSchema: 'My "schema',
    column: 'e"m',
    name: `st"ore's`,
    schema: 'nest "bit"',
  });
  await shrink.plan();
  expect(await shrink.start()).toMatchObject({ phase: 'ready', backfill: { encoded: ROWS } });
  await pool.query(`delete from "My ""schema"."Table; drop" where "Id" = md5('5')::uuid`);
  await pool.query(`update "My ""schema"."Table; drop" set "e""m" = $1 where "Id" = md5('6')::uuid`, [
    literalOf(vectors.subarray(0, WIDTH), 'vector'),
  ]);
  await shrink.start();
  expect(await shrink.verify({ queries: 20 })).toMatchObject({
    ok: true,
    parity: { right: ROWS - 1, pending: 0 },
  });
  const { search } = await shrink.cutover();
  const codec = (await PgStore.open(pool, { name: `st"ore's`, schema: 'nest "bit"' })).codec;
  const { bits } = codec.encode(vectors.subarray(0, WIDTH));
  const text = Array.from(bits, (byte) => byte.toString(2).padStart(8, '0')).join('');
  const found = await pool.query(`select id from ${search}($1::bit(${WIDTH}), 5)`, [text]);
  expect(found.rows).toHaveLength(5);
  await shrink.rollback();
  const left = await pool.query(`select from pg_namespace where nspname like 'nest %'`);
  expect(left.rowCount).toBe(0);
});
