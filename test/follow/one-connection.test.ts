import { clusteredVectors } from '@nestbit/core/testing';
import { followTexts, Shrink, SyncWorker } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';
import { makeTable, WIDTH, wrongCodes } from '../support/shrink-table.ts';
import { freshLiteral } from '../support/sync-table.ts';

const { why, open } = oneWithVector();
let database: Database;
let pool: pg.Pool;
beforeAll(async () => {
  if (why !== undefined) return;
  database = await open();
  if (database.url !== undefined)
    pool = new pg.Pool({ connectionString: database.url, max: 1, connectionTimeoutMillis: 5000 });
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});

test('a pool of one connection plans, starts, verifies, follows and rolls back', async (context) => {
  context.skip(why !== undefined || database.url === undefined, why ?? 'PGlite is such a pool anyway');
  const type = `vector(${WIDTH})`;
  await makeTable(pool, 'docs', 1500, { type });
  const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
  expect((await shrink.plan({ trialRows: 500 })).rows).toBe(1500);
  expect(await shrink.start()).toMatchObject({ phase: 'ready' });
  expect(await shrink.pause()).toMatchObject({ paused: true });
  await shrink.resume();
  expect(await shrink.verify({ queries: 5 })).toMatchObject({ ok: true });
  await shrink.cutover();
  await pool.query('update docs set embedding = $1 where id < 10', [freshLiteral(1, type)]);
  await using worker = await SyncWorker.open(pool, { store: 'docs' });
  expect(await worker.drain()).toMatchObject({ written: 10 });
  worker.start();
  await pool.query('delete from docs where id < 5');
  await expect
    .poll(async () => (await pool.query('select from nestbit.docs')).rowCount, { timeout: 5000 })
    .toBe(1495);
  await worker.stop();
  expect(await wrongCodes(pool, 'docs', 'docs', type)).toEqual([]);
  expect(await shrink.rollback()).toMatchObject({ store: 'dropped' });
});

test('a pool of one connection follows texts', async (context) => {
  context.skip(why !== undefined || database.url === undefined, why ?? 'PGlite is such a pool anyway');
  await pool.query(
    `create table notes (id int primary key, body text); insert into notes select g, 'text ' || g from generate_series(1, 200) g`,
  );
  const encoder = {
    dimensions: WIDTH,
    identity: 'any',
    encode: async (texts: readonly string[]) => clusteredVectors(texts.length, WIDTH),
  };
  await followTexts(pool, { table: 'notes', column: 'body', encoder });
  const worker = await SyncWorker.open(pool, { store: 'notes', encoder });
  expect(await worker.drain()).toMatchObject({ written: 200 });
  expect(await new Shrink(pool, { table: 'notes', column: 'body' }).rollback()).toMatchObject({
    found: true,
  });
});
