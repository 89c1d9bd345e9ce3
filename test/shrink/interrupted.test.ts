import { calibrate } from '@nestbit/core';
import { PgStore, Shrink } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';
import { noDump, schemaDump } from '../support/postgres/schema-dump.ts';
import { makeTable, WIDTH, wrongCodes } from '../support/shrink-table.ts';

const ROWS = 1200;
let database: Database;
beforeAll(async () => {
  database = await oneWithVector().open();
});
afterAll(async () => {
  await database?.close();
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
  // When the fourth range is put on record, the first one has been stored.
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
       for each row when (new.name = 'lost' and new.number = 3) execute function lose()`,
  );
  expect(await shrink.start({ workers: 1, rowsPerSecond: 500 })).toMatchObject({ phase: 'ready' });
  expect((await pool.query('select rows::int from losses')).rows).toEqual([{ rows: 50 }]);
  expect(await shrink.verify({ queries: 0 })).toMatchObject({ ok: true, parity: { right: ROWS } });
  await pool.query('drop function lose cascade; drop table losses');
  await shrink.rollback();
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
