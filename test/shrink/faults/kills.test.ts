import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clusteredVectors } from '@nestbit/core/testing';
import { Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { postgresBin, postgresRoot } from '../../../scripts/postgres/root.js';
import { child, kill, message } from '../../support/children.ts';
import { Cluster } from '../../support/postgres/cluster.ts';
import { schemaDump } from '../../support/postgres/schema-dump.ts';
import { seeded } from '../../support/random.ts';
import { literalOf, makeTable, WIDTH, wrongCodes } from '../../support/shrink-table.ts';

const ROWS = 2000;
const KILLS = 50;
const SERVER_KILLS = 10;
const TYPE = `vector(${WIDTH})`;
const fresh = clusteredVectors(500, WIDTH, 256, 99);

let cluster: Cluster | undefined;
let pool: pg.Pool;
let shrink: Shrink;

beforeAll(async () => {
  if (process.getuid?.() !== 0 || !existsSync(join(postgresRoot, postgresBin))) return;
  cluster = await Cluster.start({ root: postgresRoot, bin: postgresBin });
  pool = new pg.Pool({ connectionString: cluster.url });
  pool.on('error', () => {});
  await pool.query('create extension vector');
  await makeTable(pool, 'docs', ROWS, { type: TYPE });
  shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
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

/** Changes, inserts and deletes rows until it is stopped. */
function busy(seed: number): { stop(): Promise<void> } {
  const next = seeded(seed);
  let stopped = false;
  const work = (async () => {
    while (!stopped) {
      const vector = literalOf(fresh.subarray(next(500) * WIDTH).subarray(0, WIDTH), TYPE);
      const id = next(2 * ROWS);
      const statement = [
        [
          'insert into docs values ($1, null, $2) on conflict (id) do update set embedding = excluded.embedding',
          [id, vector],
        ],
        ['update docs set embedding = $2 where id = $1', [id, vector]],
        ['update docs set embedding = null where id = $1', [id]],
        ['delete from docs where id = $1', [id]],
      ][next(4)] as [string, unknown[]];
      await pool.query(...statement).catch(() => {});
      await sleep(2);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await work;
    },
  };
}

/** What an undisturbed migration leaves in the schema. */
async function undisturbed(url: string): Promise<string> {
  await shrink.start();
  const dump = schemaDump(url);
  await shrink.rollback();
  return dump;
}

/** Lets the last changes settle, and compares everything. */
async function checkEnd(url: string, wanted: string): Promise<void> {
  let status = await shrink.start();
  // What a killed process had claimed is free again when its lease of 30 s has ended.
  for (let tries = 0; (status.queue?.depth ?? 0) > 0 && tries < 45; tries++) {
    await sleep(1000);
    status = await shrink.start();
  }
  expect(status).toMatchObject({ phase: 'ready', queue: { depth: 0 }, index: { valid: true } });
  expect(await wrongCodes(pool, 'docs', 'docs', TYPE)).toEqual([]);
  expect((await shrink.verify({ queries: 0 })).ok).toBe(true);
  expect(schemaDump(url)).toBe(wanted);
}

test(`a migration that is killed at ${KILLS} random moments, while rows change, ends in the state of an undisturbed one`, async (context) => {
  const { url } = needsServer(context);
  const before = schemaDump(url);
  const wanted = await undisturbed(url);
  const next = seeded(7);
  const client = busy(1);
  let waiting = child('shrink-runner.ts', url);
  let ready: Promise<unknown> = message(waiting);
  let kills = 0;
  let ends = 0;
  while (kills < KILLS) {
    await ready;
    const runner = waiting;
    // The next one starts up meanwhile.
    waiting = child('shrink-runner.ts', url);
    ready = message(waiting);
    let said: { phase?: string; error?: string } | undefined;
    runner.on('message', (text: typeof said) => {
      said = text;
    });
    runner.send('go');
    await sleep(next(600));
    await kill(runner);
    expect(said?.error).toBeUndefined();
    if (said === undefined) kills++;
    if (said?.phase !== 'ready') continue;
    ends++;
    // Done before it was killed: from the start again.
    await shrink.rollback();
  }
  await ready;
  await kill(waiting);
  await client.stop();
  for (let tries = 0; ; tries++) {
    try {
      await checkEnd(url, wanted);
      break;
    } catch (error) {
      // The session of the last one may take a moment to end.
      if ((error as { code?: string }).code !== 'STORE_LOCKED' || tries > 100) throw error;
      await sleep(50);
    }
  }
  console.log(`${kills} killed, ${ends} were done before`);
  await shrink.rollback();
  expect(schemaDump(url)).toBe(before);
});

test(`a migration whose server is killed ${SERVER_KILLS} times goes on when it is started again`, async (context) => {
  const server = needsServer(context);
  const wanted = await undisturbed(server.url);
  const next = seeded(11);
  const client = busy(2);
  let kills = 0;
  while (kills < SERVER_KILLS) {
    const running = shrink.start({ rowsPerSecond: 5000, rangeMilliseconds: 20 }).then(
      () => 'done',
      (error: { code?: string }) => error.code,
    );
    await sleep(next(600));
    await server.restart();
    const outcome = await running;
    expect(['done', 'CONNECTION_LOST']).toContain(outcome);
    if (outcome === 'CONNECTION_LOST') kills++;
    else await shrink.rollback();
  }
  await client.stop();
  await checkEnd(server.url, wanted);
  await shrink.rollback();
});
