import { calibrate } from '@nestbit/core';
import { PgStore, Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';
import { noDump, schemaDump } from '../support/postgres/schema-dump.ts';
import { literalOf, makeTable, WIDTH, wrongCodes } from '../support/shrink-table.ts';

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

test('a role with the documented grants does all of it', async (context) => {
  const { pool, url } = database;
  context.skip(url === undefined, 'needs a server: PGlite has one user');
  await pool.query(`drop role if exists shrinker`);
  await pool.query(`create role shrinker login`);
  // This list is that of docs/shrink.md.
  await makeTable(pool, 'granted', ROWS, { type: `vector(${WIDTH})` });
  await pool.query('create schema nestbit authorization shrinker');
  await pool.query(`drop role if exists owner_of_table`);
  await pool.query('create role owner_of_table');
  await pool.query('alter table granted owner to owner_of_table');
  await pool.query('grant owner_of_table to shrinker');
  const own = new URL(url as string);
  own.username = 'shrinker';
  const as = new pg.Pool({ connectionString: own.href });
  as.on('error', () => {});
  const shrink = new Shrink(as, { table: 'granted', column: 'embedding' });
  await shrink.plan();
  expect(await shrink.start()).toMatchObject({ phase: 'ready' });
  // The application's own role needs no grant for its changes.
  await pool.query(`drop role if exists writer`);
  await pool.query(`create role writer`);
  await pool.query('grant select, insert, update, delete on granted to writer');
  const client = await pool.connect();
  await client.query('set role writer');
  await client.query('delete from granted where id = 1');
  await client.query(
    'update granted set embedding = (select embedding from granted where id = 3) where id = 2',
  );
  await client.query('reset role');
  client.release();
  await shrink.start();
  expect(await shrink.verify({ queries: 5 })).toMatchObject({ ok: true, parity: { right: ROWS - 1 } });
  await shrink.cutover();
  await shrink.rollback();
  await as.end();
  await pool.query('drop owned by shrinker, writer, owner_of_table cascade');
});

test('a range whose rows and mark a crash of the server lost is done again before the next step', async () => {
  const { pool } = database;
  await makeTable(pool, 'lost', ROWS, { type: `vector(${WIDTH})` });
  const shrink = new Shrink(pool, { table: 'lost', column: 'embedding' });
  const stop = new AbortController();
  const onProgress = ({ step }: { step: string }): void => {
    if (step === 'sync') stop.abort();
  };
  expect(await refusal(() => shrink.start({ signal: stop.signal, onProgress }))).toMatch(/^ABORTED/);
  // When the third range begins, the first one has been stored.
  await pool.query(`create table losses (rows bigint)`);
  await pool.query(
    `create function lose() returns trigger language plpgsql as $$ begin
       update nestbit.shrink_ranges set done = false where name = 'lost' and number = 0 and done;
       with gone as (delete from nestbit.lost c using nestbit.shrink_ranges r
                     where r.name = 'lost' and r.number = 0 and c.id <= r.to_id::bigint returning c.id)
       insert into losses select count(*) from gone;
       return null;
     end $$;
     create trigger lose after insert on nestbit.shrink_ranges
       for each row when (new.name = 'lost' and new.number = 2) execute function lose()`,
  );
  expect(await shrink.start({ workers: 1, rowsPerSecond: 500 })).toMatchObject({ phase: 'ready' });
  expect((await pool.query('select rows::int from losses')).rows).toEqual([{ rows: 50 }]);
  expect(await shrink.verify({ queries: 0 })).toMatchObject({ ok: true, parity: { right: ROWS } });
  await pool.query('drop function lose cascade; drop table losses');
  await shrink.rollback();
});

test('what a pool does with each of its connections is done with those of a backfill, which works by them', async (context) => {
  const { pool, url } = database;
  context.skip(url === undefined, 'needs a server: PGlite has one user');
  await makeTable(pool, 'guarded', ROWS, { type: `vector(${WIDTH})` });
  await pool.query('drop role if exists guest');
  await pool.query('create role guest login noinherit');
  await pool.query('drop role if exists host');
  await pool.query('create role host');
  await pool.query('grant host to guest');
  await pool.query('alter table guarded owner to host');
  await pool.query('create schema guarded_codes authorization host');
  const own = new URL(url as string);
  own.username = 'guest';
  const as = new pg.Pool({ connectionString: own.href });
  as.on('error', () => {});
  as.on('connect', (client) => void client.query('set role host'));
  const shrink = new Shrink(as, { table: 'guarded', column: 'embedding', schema: 'guarded_codes' });
  expect(await shrink.start()).toMatchObject({ phase: 'ready' });
  expect(await shrink.verify({ queries: 0 })).toMatchObject({ ok: true, parity: { right: ROWS } });
  await shrink.rollback();
  await as.end();
  await pool.query('drop owned by guest, host cascade');
});

test('rollback after each step leaves no trace', async (context) => {
  const { pool, url } = database;
  context.skip(url === undefined || noDump !== undefined, noDump ?? 'needs a server');
  await makeTable(pool, 'back', ROWS, { type: `vector(${WIDTH})` });
  const before = schemaDump(url as string);
  const shrink = new Shrink(pool, { table: 'back', column: 'embedding' });
  for (const last of ['sync', 'backfill', 'sweep', 'index', 'ready']) {
    const stop = new AbortController();
    const said = await refusal(() =>
      shrink.start({
        signal: stop.signal,
        onProgress: ({ step }) => {
          if (step === last) stop.abort();
        },
      }),
    );
    if (last !== 'ready') expect(said).toMatch(/^ABORTED/);
    expect(schemaDump(url as string)).not.toBe(before);
    if (last === 'ready') {
      await shrink.verify({ queries: 5 });
      await shrink.cutover();
    }
    await shrink.rollback();
    expect(schemaDump(url as string)).toBe(before);
  }
  // Another store keeps what it needs.
  await shrink.start();
  const codec = (await calibrate([new Float32Array(800).fill(1)], { inputDimensions: 8 })).codec();
  const other = await PgStore.create(pool, { name: 'other', codec });
  await shrink.rollback();
  expect(await other.size()).toBe(0);
  await other.drop();
});

test('a second migration of the same store is refused while one runs; a paused one waits and goes on', async (context) => {
  const { pool, url } = database;
  context.skip(url === undefined, 'needs a server: PGlite has one connection');
  await makeTable(pool, 'paused', ROWS);
  const shrink = new Shrink(pool, { table: 'paused', column: 'embedding' });
  const steps: string[] = [];
  const running = shrink.start({ rowsPerSecond: 600, onProgress: ({ step }) => steps.push(step) });
  while (!steps.includes('backfill')) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await refusal(() => shrink.start())).toMatch(/^STORE_LOCKED: .*pid/);
  expect(await refusal(() => shrink.rollback())).toMatch(/^STORE_LOCKED/);
  expect((await shrink.pause()).session?.pid).toBeGreaterThan(0);
  while (!steps.includes('paused')) await new Promise((resolve) => setTimeout(resolve, 10));
  // What was under way when it stopped is finished.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { backfill } = await shrink.status();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await shrink.status()).backfill.done).toBe(backfill.done);
  await shrink.resume();
  expect(await running).toMatchObject({ phase: 'ready', session: undefined });
  expect(await wrongCodes(pool, 'paused', 'paused')).toEqual([]);
  await shrink.rollback();
});
