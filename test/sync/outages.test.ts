import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';
import { wrongCodes } from '../support/shrink-table.ts';
import { followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

const { why, open } = oneWithVector();
let database: Database;
let pool: pg.Pool;
let role: string;

beforeEach((context) =>
  context.skip(
    why !== undefined || database.url === undefined,
    why ?? 'needs a server that connections can be lost to',
  ),
);
beforeAll(async () => {
  if (why !== undefined) return;
  database = await open();
  pool = database.pool;
  if (database.url === undefined) return;
  role = `sync_${new URL(database.url).pathname.slice(1)}`;
  await pool.query(`create role ${role} login`);
  await followedTable(pool, 'docs', 200);
  for (const grant of [
    'usage on schema nestbit',
    'select, insert, update, delete on all tables in schema nestbit',
    'usage, select, update on all sequences in schema nestbit',
    'select on docs',
  ])
    await pool.query(`grant ${grant} to ${role}`);
});
afterAll(async () => {
  if (role !== undefined) await pool.query(`drop owned by ${role}; drop role ${role}`);
  await database?.close();
});

function urlOf(host: string | undefined): string {
  const url = new URL(database.url as string);
  url.username = role;
  if (host !== undefined) url.hostname = host;
  return url.href;
}

function workerPool(options: pg.PoolConfig = {}): pg.Pool {
  const own = new pg.Pool({ connectionString: urlOf(undefined), ...options });
  own.on('error', () => {});
  return own;
}

async function endSessions(): Promise<void> {
  await pool.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [role]);
}

let ending = false;
let ended: Promise<void> | undefined;

/** Ends the worker's sessions until told to stop: one that was on its way to the server would outlive a single look. */
function keepEnding(): void {
  ending = true;
  ended = (async () => {
    while (ending) await endSessions();
  })();
}

async function stopEnding(): Promise<void> {
  ending = false;
  await ended;
}

/** What keeps a worker from its database: what begins it, what ends it, and what the worker says meanwhile. */
const OUTAGES: readonly {
  readonly name: string;
  readonly begin: (own: pg.Pool) => Promise<unknown>;
  readonly end: (own: pg.Pool) => Promise<unknown>;
  readonly options?: pg.PoolConfig;
}[] = [
  {
    name: 'sessions that end again and again',
    // Until the worker has told of it: a statement that only reads is tried again before.
    begin: async () => keepEnding(),
    end: stopEnding,
  },
  {
    name: 'too many connections',
    begin: async () => {
      await pool.query(`alter role ${role} connection limit 0`);
      keepEnding();
    },
    end: async () => {
      await stopEnding();
      await pool.query(`alter role ${role} connection limit -1`);
    },
  },
  {
    name: 'a server that takes no writes, as after a failover',
    begin: async () => {
      await pool.query(`alter role ${role} set default_transaction_read_only = on`);
      keepEnding();
    },
    end: async () => {
      await stopEnding();
      await pool.query(`alter role ${role} reset default_transaction_read_only`);
      await endSessions();
    },
  },
  {
    name: 'a role that may not log in',
    begin: async () => {
      await pool.query(`alter role ${role} nologin`);
      keepEnding();
    },
    end: async () => {
      await stopEnding();
      await pool.query(`alter role ${role} login`);
    },
  },
  {
    name: 'a name that is not resolved',
    begin: async (own) => {
      Object.assign(own.options, { connectionString: urlOf('nowhere.invalid') });
      keepEnding();
    },
    end: async (own) => {
      await stopEnding();
      Object.assign(own.options, { connectionString: urlOf(undefined) });
    },
  },
  {
    name: 'queries that take longer than the pool waits for',
    options: { query_timeout: 100 },
    begin: async () => await holdCodes(),
    end: async () => await freeCodes(),
  },
  {
    name: 'statements that take longer than the server allows',
    options: { options: '-c statement_timeout=100' },
    begin: async () => await holdCodes(),
    end: async () => await freeCodes(),
  },
  {
    name: 'a pool that has no connection to spare',
    options: { max: 1, connectionTimeoutMillis: 50 },
    begin: async (own) => {
      spare = await own.connect();
      spare.on('error', () => {});
    },
    end: async () => spare?.release(true),
  },
  {
    name: 'rights that were taken away',
    begin: () => pool.query(`revoke update, insert on nestbit.docs from ${role}`),
    end: () => pool.query(`grant update, insert on nestbit.docs to ${role}`),
  },
];
let spare: pg.PoolClient | undefined;
let holder: pg.Client | undefined;

async function holdCodes(): Promise<void> {
  holder = new pg.Client(database.url);
  await holder.connect();
  await holder.query('begin; lock table nestbit.docs, docs in access exclusive mode');
}

async function freeCodes(): Promise<void> {
  await holder?.end();
}

for (const [round, { name, begin, end, options }] of OUTAGES.entries()) {
  test(`${name}: counts against no row, and the work goes on afterwards`, async () => {
    const own = workerPool(options);
    const { worker, errors } = await openWorker(own, 'docs', { maxAttempts: 1, batch: 20, listen: false });
    worker.start();
    await pool.query('update docs set embedding = $1 where id < 100', [freshLiteral(round, 'real[]')]);
    await begin(own);
    if (holder === undefined)
      await pool.query('update docs set embedding = $1 where id > 50', [freshLiteral(round + 100, 'real[]')]);
    await expect.poll(() => errors.length, { timeout: 60_000 }).toBeGreaterThan(0);
    await sleep(300);
    await end(own);
    holder = undefined;
    await pool.query('update docs set embedding = $1 where id > 150', [freshLiteral(round + 200, 'real[]')]);
    await expect.poll(() => wrongCodes(pool, 'docs', 'docs'), { timeout: 60_000, interval: 100 }).toEqual([]);
    await worker.stop();
    expect(worker.counts).toMatchObject({ failed: 0, setAside: 0 });
    expect(worker.counts.outages).toBeGreaterThan(0);
    expect((await pool.query('select from nestbit.docs_queue where attempts > 0')).rowCount).toBe(0);
    await own.end();
  });
}

test('what the data itself is refused for counts against its row, and the others go through', async () => {
  await pool.query('alter table nestbit.docs add constraint no_seven check (id <> 7) not valid');
  await pool.query('update docs set embedding = $1 where id < 40', [freshLiteral(77, 'real[]')]);
  const own = workerPool();
  const { worker } = await openWorker(own, 'docs', { maxAttempts: 4 });
  expect(await worker.drain()).toMatchObject({ written: 39, setAside: 1 });
  const { queue } = await worker.metrics();
  expect(queue.setAside).toMatchObject([
    { id: '7', attempts: 4, error: expect.stringContaining('no_seven') },
  ]);
  await pool.query('alter table nestbit.docs drop constraint no_seven');
  await worker.retry();
  await worker.drain();
  expect(await wrongCodes(pool, 'docs', 'docs')).toEqual([]);
  await own.end();
});
