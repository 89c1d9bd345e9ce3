import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Codec, calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import { openPglite } from '@nestbit/pg-adapter/pglite';
import pg from 'pg';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { postgresBin, postgresRoot } from '../../scripts/postgres/root.js';
import { child, kill, message } from '../support/children.ts';
import { refusal, temporaryFolder } from '../support/files.ts';
import { Cluster } from '../support/postgres/cluster.ts';

const WIDTH = 64;
const vectors = clusteredVectors(4000, WIDTH);
const folder = temporaryFolder();
let codec: Codec;
let cluster: Cluster | undefined;
let pool: pg.Pool;

beforeAll(async () => {
  codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
  if (process.getuid?.() !== 0 || !existsSync(join(postgresRoot, postgresBin))) return;
  cluster = await Cluster.start({ root: postgresRoot, bin: postgresBin });
  pool = new pg.Pool({ connectionString: cluster.url });
  pool.on('error', () => {});
});
afterAll(async () => {
  await pool?.end();
  await cluster?.stop();
});

function needsServer(context: TestContext): Cluster {
  context.skip(
    cluster === undefined,
    'needs a server of its own: run scripts/postgres/install.js as root first',
  );
  return cluster as Cluster;
}

function ids(first: number, count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => BigInt(first + i));
}

async function make(name: string): Promise<PgStore> {
  return await PgStore.create(pool, { name, codec, idType: 'bigint' });
}

/** What a store of pg-busy.ts holds: every row of every batch that was acknowledged, whole batches, nothing twice. */
async function checkBatches(store: PgStore, done: number, rows: number): Promise<void> {
  const size = await store.size();
  expect(size % rows).toBe(0);
  const found = await store.get(ids(0, (done + 3) * rows));
  for (let batch = 0; batch <= done; batch++) {
    const seen = new Set(found.slice(batch * rows, (batch + 1) * rows).map((row) => row?.payload?.['n']));
    // Batch n is written by call n, and each third call writes over the one before; its own ids stay free.
    if (batch % 3 === 2) expect([...seen]).toEqual([undefined]);
    else if (batch % 3 === 1 && batch === done) expect([[batch], [batch + 1]]).toContainEqual([...seen]);
    else expect([...seen]).toEqual([batch % 3 === 1 && batch < done ? batch + 1 : batch]);
  }
}

for (const [name, rows] of [
  ['statements', 20],
  ['COPY', 1500],
] as const) {
  test(`a server that is killed during ingest by ${name} loses no acknowledged row; the writer goes on or says what failed`, async (context) => {
    const server = needsServer(context);
    const store = await make(`docs`);
    for (let round = 0; round < 3; round++) {
      const writer = child('pg-busy.ts', server.url, String(rows));
      let done = -1;
      writer.on('message', (said: { done?: number }) => {
        done = Math.max(done, said.done ?? -1);
      });
      await message(writer);
      while (done < 1) await sleep(5);
      await sleep(round * 17);
      await server.restart();
      const before = done;
      // Its calls are tried again until the server is back.
      for (let wait = 0; done < before + 2 && writer.exitCode === null && wait < 200; wait++) await sleep(20);
      if (writer.exitCode === null) await kill(writer);
      await checkBatches(store, done, rows);
      await store.delete(ids(0, (done + 3) * rows));
    }
    await store.drop();
  });
}

test('a search under way when the server is killed is tried again, or refused by name', async (context) => {
  const server = needsServer(context);
  const store = await make('searched');
  await store.upsert({ ids: ids(0, 2000), embeddings: vectors.subarray(0, 2000 * WIDTH) });
  const expected = await store.search(vectors.subarray(0, 200 * WIDTH));
  const searches = Array.from({ length: 4 }, () =>
    store.search(vectors.subarray(0, 200 * WIDTH)).catch((error: { code?: string }) => error.code),
  );
  await sleep(30);
  await server.restart();
  for (const outcome of await Promise.all(searches)) {
    if (outcome !== 'CONNECTION_LOST') expect(outcome).toEqual(expected);
  }
  expect(await store.search(vectors.subarray(0, 200 * WIDTH))).toEqual(expected);
  await store.drop();
});

test('a connection that is ended in the middle of COPY stores the batch once, or nothing of it', async (context) => {
  needsServer(context);
  const store = await make('copied');
  let ended = 0;
  const ending = setInterval(async () => {
    const { rowCount } = await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like 'copy %' and pid <> pg_backend_pid()`,
    );
    ended += rowCount ?? 0;
    if (ended > 1) clearInterval(ending);
  }, 2);
  for (let round = 0; round < 8; round++) await store.upsert({ ids: ids(0, 4000), embeddings: vectors });
  clearInterval(ending);
  expect(ended).toBeGreaterThan(0);
  expect(await store.size()).toBe(4000);
  const { rows } = await pool.query(
    'select count(*)::int as count, count(distinct id)::int as ids from nestbit.copied',
  );
  expect(rows[0]).toEqual({ count: 4000, ids: 4000 });
  await store.drop();
});

test('a statement timeout is an error that says so, and leaves nothing', async (context) => {
  const server = needsServer(context);
  await (await make('slow')).close();
  const hasty = new pg.Pool({ connectionString: server.url, options: '-c statement_timeout=100' });
  const store = await PgStore.open(hasty, { name: 'slow' });
  const locker = await pool.connect();
  await locker.query('begin; lock table nestbit.slow in access exclusive mode');
  expect(
    await refusal(() => store.upsert({ ids: ids(0, 100), embeddings: vectors.subarray(0, 100 * WIDTH) })),
  ).toMatch(/^TIMEOUT: .*statement timeout.*statement_timeout/);
  await locker.query('rollback');
  locker.release();
  expect(await store.size()).toBe(0);
  await store.drop();
  await hasty.end();
});

test('writers of the same ids in any order never deadlock for good, and the last write wins whole', async (context) => {
  needsServer(context);
  const store = await make('clashing');
  const writers = Array.from({ length: 6 }, (_, writer) =>
    PgStore.open(pool, { name: 'clashing' }).then(async (one) => {
      const order = writer % 2 === 0 ? ids(0, 300) : ids(0, 300).reverse();
      for (let round = 0; round < 5; round++) {
        const payloads = order.map(() => ({ writer }));
        await one.upsert({ ids: order, embeddings: vectors.subarray(0, 300 * WIDTH), payloads });
        await one.delete(order.slice(0, 50));
      }
    }),
  );
  await Promise.all(writers);
  const found = await store.get(ids(50, 200));
  expect(new Set(found.map((row) => row?.payload?.['writer'])).size).toBe(1);
  await store.drop();
});

test('a full disk of the server is an error that says so; nothing acknowledged is lost, and with room it goes on', async (context) => {
  const server = needsServer(context);
  const path = join(postgresRoot, 'tmp/small-disk');
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=0777', 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    context.skip(true, `a tmpfs cannot be mounted here: ${(error as Error).message}`);
  }
  const own = join(path, 'space');
  mkdirSync(own);
  chmodSync(own, 0o700);
  chownSync(own, statSync(server.folder).uid, statSync(server.folder).gid);
  const small = new pg.Pool({ connectionString: server.url, options: '-c default_tablespace=small' });
  try {
    await pool.query(`create tablespace small location '/tmp/small-disk/space'`);
    const store = await PgStore.create(small, { name: 'full', codec, idType: 'bigint' });
    let rows = 0;
    const write = async (): Promise<void> => {
      await store.upsert({ ids: ids(rows, 500), embeddings: vectors.subarray(0, 500 * WIDTH) });
      rows += 500;
    };
    const filled = await refusal(async () => {
      for (;;) await write();
    });
    expect(filled).toMatch(/^DATABASE_FULL: .*No space left.*make room/);
    expect(rows).toBeGreaterThan(500);
    expect(await store.size()).toBe(rows);
    expect((await store.get(ids(0, rows))).every((row) => row !== undefined)).toBe(true);
    execFileSync('mount', ['-o', 'remount,size=9m', path]);
    await write();
    expect(await store.size()).toBe(rows);
    await store.drop();
    await pool.query('drop tablespace small');
  } finally {
    await small.end();
    execFileSync('umount', ['-l', path]);
  }
});

test('concurrent starts migrate once', async (context) => {
  needsServer(context);
  const stores = await Promise.all(
    Array.from({ length: 6 }, (_, i) => PgStore.create(pool, { name: `start_${i}`, schema: 'fresh', codec })),
  );
  const { rows } = await pool.query('select version from fresh.migrations');
  expect(rows).toEqual([{ version: 1 }, { version: 2 }, { version: 3 }]);
  for (const store of stores) await store.drop();
});

test('a PGlite folder whose process is killed has every acknowledged row', async () => {
  const path = join(folder, 'lite');
  const made = await openPglite(path);
  await (await PgStore.create(made.pool, { name: 'docs', codec, idType: 'bigint' })).close();
  await made.close();
  const writer = child('pg-busy.ts', `pglite:${path}`, '20');
  let done = -1;
  writer.on('message', (said: { done?: number }) => {
    done = Math.max(done, said.done ?? -1);
  });
  await message(writer);
  while (done < 10) await sleep(5);
  await kill(writer);
  const again = await openPglite(path);
  await checkBatches(await PgStore.open(again.pool, { name: 'docs' }), done, 20);
  await again.close();
});
