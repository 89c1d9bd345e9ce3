import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore, Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { postgresBin, postgresRoot } from '../../scripts/postgres/root.js';
import { Cluster } from '../support/postgres/cluster.ts';

const WIDTH = 64;
const vectors = clusteredVectors(4000, WIDTH);
let primary: Cluster | undefined;
let replica: Cluster;
let pool: pg.Pool;
let readPool: pg.Pool;

beforeAll(async () => {
  if (process.getuid?.() !== 0 || !existsSync(join(postgresRoot, postgresBin))) return;
  const at = { root: postgresRoot, bin: postgresBin };
  // New statistics between two searches might change a plan.
  primary = await Cluster.start(at, ['autovacuum=off']);
  replica = await Cluster.replicaOf(primary);
  pool = new pg.Pool({ connectionString: primary.url });
  readPool = new pg.Pool({ connectionString: replica.url });
  pool.on('error', () => {});
  readPool.on('error', () => {});
  await pool.query('create extension vector');
});
afterAll(async () => {
  await pool?.end();
  await readPool?.end();
  await replica?.stop();
  await primary?.stop();
});

function needsReplica(context: TestContext): void {
  context.skip(
    primary === undefined,
    'needs servers of its own: run scripts/postgres/install.js as root first',
  );
}

/** Waits until the replica has all that the primary has written. */
async function caughtUp(): Promise<void> {
  const { rows } = await pool.query<{ now: string }>('select pg_current_wal_lsn() as now');
  for (;;) {
    const { rows: there } = await readPool.query<{ done: boolean }>(
      'select pg_last_wal_replay_lsn() >= $1::pg_lsn as done',
      [rows[0].now],
    );
    if (there[0].done) return;
    await sleep(20);
  }
}

test('searches and reads go to the replica, through its index; writes to the primary', async (context) => {
  needsReplica(context);
  const codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
  const store = await PgStore.create(pool, { name: 'read', codec, idType: 'bigint', readPool });
  const ids = Array.from({ length: 4000 }, (_, i) => BigInt(i));
  await store.upsert({ ids, embeddings: vectors, payloads: ids.map((id) => ({ third: Number(id % 3n) })) });
  // Told of from where it was built, though the replica has not seen it.
  await readPool.query('select pg_wal_replay_pause()');
  expect(await store.buildIndex()).toMatchObject({ kind: 'hnsw', valid: true });
  await readPool.query('select pg_wal_replay_resume()');
  await pool.query('analyze');
  await caughtUp();
  const primaryOnly = await PgStore.open(pool, { name: 'read' });
  const query = vectors.subarray(0, 3 * WIDTH);
  for (const options of [{}, { filter: { third: 1 } }, { exact: true }, { oversample: 10, prefilter: 100 }]) {
    expect(await store.search(query, options)).toEqual(await primaryOnly.search(query, options));
  }
  expect(await store.explain(query.subarray(0, WIDTH))).toMatchObject({ plan: 'hnsw', usesIndex: true });
  // What the replica has not replayed is not found yet.
  await readPool.query('select pg_wal_replay_pause()');
  await store.delete([0n]);
  const first = async (of: PgStore): Promise<unknown> =>
    (await of.search(query.subarray(0, WIDTH), { k: 1 }))[0][0].id;
  expect(await first(store)).toBe(0n);
  expect(await first(primaryOnly)).not.toBe(0n);
  await readPool.query('select pg_wal_replay_resume()');
  await caughtUp();
  expect(await first(store)).not.toBe(0n);
});

test('a backfill waits while a replica is behind, and goes on when it is not', async (context) => {
  needsReplica(context);
  await pool.query(`create table docs (id bigint primary key, embedding vector(${WIDTH}))`);
  for (let round = 0; round < 5; round++) {
    const texts = Array.from(
      { length: 4000 },
      (_, i) => `[${vectors.subarray(i * WIDTH, (i + 1) * WIDTH).join(',')}]`,
    );
    await pool.query(
      'insert into docs select $1 + o, v::vector from unnest($2::text[]) with ordinality u(v, o)',
      [round * 4000, texts],
    );
  }
  await caughtUp();
  const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
  let waited = 0;
  let atFirstWait = -1;
  let going: Promise<unknown> = Promise.resolve();
  const status = await shrink.start({
    rowsPerSecond: 4000,
    maxReplicaLagSeconds: 1,
    onProgress: ({ step, done, note }) => {
      if (step === 'backfill' && atFirstWait < 0 && done > 0 && waited === 0) {
        atFirstWait = 0;
        going = readPool.query('select pg_wal_replay_pause()');
      }
      if (step !== 'waiting' || note !== 'replica') return;
      if (waited++ === 0) {
        atFirstWait = done;
        going = going.then(() => sleep(1500)).then(() => readPool.query('select pg_wal_replay_resume()'));
      }
    },
  });
  await going;
  expect(waited).toBeGreaterThan(2);
  expect(atFirstWait).toBeGreaterThan(0);
  expect(atFirstWait).toBeLessThan(20_000);
  expect(status).toMatchObject({ phase: 'ready' });
  expect(await shrink.verify({ queries: 0 })).toMatchObject({ ok: true });
});
