import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { postgresBin, postgresRoot } from '../../../scripts/postgres/root.js';
import { child, kill, message } from '../../support/children.ts';
import { Cluster } from '../../support/postgres/cluster.ts';
import { seeded } from '../../support/random.ts';
import { wrongCodes } from '../../support/shrink-table.ts';
import { changeAtRandom, followedTable, freshLiteral, openWorker } from '../../support/sync-table.ts';

let cluster: Cluster | undefined;
let pool: pg.Pool;

beforeAll(async () => {
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

test('workers that are killed at any moment leave nothing undone and nothing wrong', async (context) => {
  const { url } = needsServer(context);
  await followedTable(pool, 'killed', 2000);
  const random = seeded(5);
  for (let round = 0; round < 5; round++) {
    const workers = [child('sync-worker.ts', url, 'killed'), child('sync-worker.ts', url, 'killed')];
    await Promise.all(workers.map((one) => message(one)));
    const changes = Promise.all(
      [1, 2].map((seed) => changeAtRandom(pool, 'killed', 2000, 60, 10 * round + seed, 'real[]')),
    );
    await pool.query('update killed set embedding = $1 where id % 3 = $2', [
      freshLiteral(round, 'real[]'),
      round % 3,
    ]);
    await sleep(random(150));
    await Promise.all(workers.map((one) => kill(one)));
    await changes;
  }
  const { worker } = await openWorker(pool, 'killed');
  await worker.drain();
  expect(await wrongCodes(pool, 'killed', 'killed')).toEqual([]);
  expect((await worker.metrics()).queue.depth).toBe(0);
});

test('a worker goes on by itself when the server is killed and comes back', async (context) => {
  const server = needsServer(context);
  await followedTable(pool, 'outage', 1000);
  const { worker, errors } = await openWorker(pool, 'outage', { batch: 50, leaseSeconds: 1 });
  worker.start();
  for (let round = 0; round < 3; round++) {
    await pool.query('update outage set embedding = $1', [freshLiteral(round, 'real[]')]);
    await sleep(40 + 30 * round);
    await server.restart();
  }
  await pool.query('update outage set embedding = $1 where id < 100', [freshLiteral(7, 'real[]')]);
  for (let wait = 0; (await worker.metrics()).queue.depth > 0 || wait < 3; wait++) {
    expect(wait).toBeLessThan(300);
    await sleep(100);
  }
  await worker.stop();
  expect(await wrongCodes(pool, 'outage', 'outage')).toEqual([]);
  for (const error of errors) expect((error as { code?: string }).code).toBe('CONNECTION_LOST');
  expect(worker.counts.setAside).toBe(0);
});
