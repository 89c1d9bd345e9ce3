import { Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';
import { makeTable, WIDTH } from '../support/shrink-table.ts';

const ROWS = 1200;
let database: Database;
beforeAll(async () => {
  database = await oneWithVector().open();
});
afterAll(async () => {
  await database?.close();
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
