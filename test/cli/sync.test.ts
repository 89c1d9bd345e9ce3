import { setTimeout as sleep } from 'node:timers/promises';
import { Shrink } from '@nestbit/pg-adapter';
import { expect, test } from 'vitest';
import { nestbit, start } from '../support/nestbit.ts';
import { oneWithVector } from '../support/postgres/databases.ts';
import { wrongCodes } from '../support/shrink-table.ts';
import { followedTable, freshLiteral } from '../support/sync-table.ts';
import { tinyModel } from '../support/tiny-model.ts';

test('sync drains once, runs until it is stopped, and serves its metrics', async (context) => {
  const { pool, url, close } = await oneWithVector().open();
  context.skip(url === undefined, 'needs a server: PGlite has one process');
  const place = url as string;
  await followedTable(pool, 'docs', 200);
  await pool.query('update docs set embedding = $1 where id < 20', [freshLiteral(1, 'real[]')]);
  const once = await nestbit('sync', place, '--table', 'docs', '--once', '--json');
  expect(once).toMatchObject({ status: 0, err: '' });
  expect(JSON.parse(once.out)).toMatchObject({ written: 20, waiting: 0, setAside: 0 });
  const child = start('sync', place, '--store', 'docs', '--metrics-port', '0');
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  let out = '';
  child.stdout.on('data', (text) => {
    out += text;
  });
  while (!said.includes('/metrics')) await sleep(20);
  await pool.query('update docs set embedding = $1 where id < 50', [freshLiteral(2, 'real[]')]);
  const address = /http:\S+/.exec(said)?.[0] as string;
  let metrics = '';
  const drained = /nestbit_sync_lag_seconds\{store="docs"\} 0\n/;
  for (
    let wait = 0;
    !metrics.includes('rows_written_total{store="docs"} 50') || !drained.test(metrics);
    wait++
  ) {
    expect(wait).toBeLessThan(300);
    await sleep(50);
    metrics = await (await fetch(address)).text();
  }
  expect(metrics).toContain('# TYPE nestbit_sync_lag_seconds gauge\n');
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(out).toMatch(/^50 codes written, .*; 0 wait, 0 are set aside\n$/);
  expect(await wrongCodes(pool, 'docs', 'docs')).toEqual([]);
  await new Shrink(pool, { table: 'docs', column: 'embedding' }).rollback();
  await close();
});

test('sync --text-column makes the store and encodes the texts', async (context) => {
  const { pool, url, close } = await oneWithVector().open();
  context.skip(url === undefined, 'needs a server: PGlite has one process');
  await pool.query(`create table notes (id bigint primary key, body text)`);
  await pool.query(`insert into notes select i, 'the cat ' || i from generate_series(1, 120) i`);
  const args = [
    'sync',
    url as string,
    '--table',
    'notes',
    '--text-column',
    'body',
    '--model',
    tinyModel,
    '--once',
    '--json',
  ];
  expect(JSON.parse((await nestbit(...args)).out)).toMatchObject({ written: 120, waiting: 0 });
  await pool.query(
    `update notes set body = body || 's' where id < 5; update notes set body = null where id = 9`,
  );
  expect(JSON.parse((await nestbit(...args)).out)).toMatchObject({ written: 4, removed: 1 });
  const missing = await nestbit('sync', url as string, '--store', 'notes', '--once');
  expect(missing).toMatchObject({ status: 2, err: expect.stringContaining('--model') });
  expect(await nestbit('sync', url as string, '--once')).toMatchObject({ status: 2 });
  expect(await nestbit('sync', url as string, '--store', 'none', '--once')).toMatchObject({
    status: 1,
    err: expect.stringContaining('STORE_NOT_FOUND'),
  });
  await close();
});
