import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { clusteredVectors } from '@nestbit/core/testing';
import { followTexts, Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { postgresBin, postgresRoot } from '../../scripts/postgres/root.js';
import { Cluster } from '../support/postgres/cluster.ts';
import { makeTable, WIDTH, wrongCodes } from '../support/shrink-table.ts';
import { followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

// Two-phase commit needs a setting that only a start of the server changes.
let cluster: Cluster | undefined;
let pool: pg.Pool;
const there = process.getuid?.() === 0 && existsSync(join(postgresRoot, postgresBin));

beforeEach((context) =>
  context.skip(!there, 'needs a server of its own: run scripts/postgres/install.js as root first'),
);
beforeAll(async () => {
  if (!there) return;
  cluster = await Cluster.start({ root: postgresRoot, bin: postgresBin }, ['max_prepared_transactions=10']);
  pool = new pg.Pool({ connectionString: cluster.url });
  pool.on('error', () => {});
});
afterAll(async () => {
  await pool?.end();
  await cluster?.stop();
});

async function withClient<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(cluster?.url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

test('transactions that change the table may be prepared, and count once they are committed', async () => {
  await followedTable(pool, 'docs', 60);
  await withClient(async (client) => {
    await client.query('begin; delete from docs where id = 1; truncate docs');
    await client.query(`prepare transaction 'gone'`);
    await client.query(`rollback prepared 'gone'`);
    await client.query('begin');
    await client.query('delete from docs where id = 1');
    await client.query('update docs set embedding = $1 where id = 2', [freshLiteral(1, 'real[]')]);
    await client.query(`prepare transaction 'x'`);
  });
  const { worker } = await openWorker(pool, 'docs');
  expect(await worker.drain()).toMatchObject({ rows: 0 });
  await pool.query(`commit prepared 'x'`);
  expect(await worker.drain()).toMatchObject({ written: 1, removed: 1 });
  expect(await wrongCodes(pool, 'docs', 'docs')).toEqual([]);
});

test('notices are what is asked for, whatever the server allows', async () => {
  for (const notify of [true, false, undefined]) {
    const table = `notify_${notify}`;
    await makeTable(pool, table, 40);
    await new Shrink(pool, { table, column: 'embedding' }).start({
      index: 'none',
      ...(notify !== undefined && { notify }),
    });
    const prepared = await withClient(async (client) => {
      await client.query(`begin; delete from ${table} where id = 1`);
      return await client.query(`prepare transaction '${table}'`).then(
        () => true,
        (error: Error) => error.message,
      );
    });
    if (notify === true) expect(prepared).toMatch(/NOTIFY/);
    else expect(prepared).toBe(true);
    if (prepared === true) await pool.query(`rollback prepared '${table}'`);
  }
});

for (const level of ['repeatable read', 'serializable']) {
  test(`an application in ${level} changes rows that a worker has at this moment`, async () => {
    const table = `notes_${level.slice(0, 4)}`;
    await pool.query(
      `create table ${table} (id int primary key, body text); insert into ${table} select g, 'text ' || g from generate_series(1, 20) g`,
    );
    let gate: Promise<void> | undefined;
    let begun: () => void = () => {};
    const encoder = {
      dimensions: WIDTH,
      identity: 'slow',
      encode: async (texts: readonly string[]) => {
        begun();
        await gate;
        return clusteredVectors(texts.length, WIDTH);
      },
    };
    await followTexts(pool, { table, column: 'body', encoder });
    const { worker } = await openWorker(pool, table, { encoder });
    await worker.drain();
    await pool.query(`update ${table} set body = 'changed' where id = 1`);
    await withClient(async (app) => {
      await app.query(`begin isolation level ${level}`);
      await app.query(`select count(*) from ${table}`);
      let open: () => void = () => {};
      gate = new Promise((resolve) => {
        open = resolve;
      });
      const encoding = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const draining = worker.drain();
      await encoding;
      // The worker has claimed the row after this snapshot was taken.
      expect((await app.query(`update ${table} set body = 'again' where id = 1`)).rowCount).toBe(1);
      expect((await app.query(`delete from ${table} where id = 2`)).rowCount).toBe(1);
      open();
      await draining;
      await app.query('commit');
    });
    await worker.drain();
    const codes = await pool.query(`select count(*)::int as count from nestbit.${table}`);
    expect(codes.rows).toEqual([{ count: 19 }]);
    const left = await worker.metrics();
    expect(left.queue).toMatchObject({ depth: 0, setAsideCount: 0 });
  });
}

test('TRUNCATE within a snapshot fails for no reason of ours', async () => {
  await followedTable(pool, 'cut', 40);
  const { worker } = await openWorker(pool, 'cut');
  await withClient(async (app) => {
    await app.query('begin isolation level repeatable read; select 1');
    await pool.query('truncate cut');
    await worker.drain();
    await app.query('truncate cut; commit');
  });
  await worker.drain();
  expect(await wrongCodes(pool, 'cut', 'cut')).toEqual([]);
});
