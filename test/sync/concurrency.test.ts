import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { wrongCodes } from '../support/shrink-table.ts';
import { followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

for (const { name, why, open } of everyPostgres()) {
  describe(name, () => {
    let database: Database;
    let pool: pg.Pool;
    const lite = name === 'PGlite';
    beforeEach((context) => context.skip(why !== undefined, why));
    beforeAll(async () => {
      if (why !== undefined) return;
      database = await open();
      pool = database.pool;
    });
    afterAll(async () => {
      await database?.close();
    });

    test('a worker whose lease ended writes nothing: a stale code never goes over a newer one', async (context) => {
      context.skip(lite, 'one connection: no second worker');
      await followedTable(pool, 'slow', 20);
      // Reads go through a pool that a test can hold up between claim and write.
      let reached: () => void = () => {};
      const reading = new Promise<void>((resolve) => {
        reached = resolve;
      });
      let goOn: () => void = () => {};
      const held = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      let standing = false;
      const stalled = new pg.Pool({ connectionString: database.url });
      stalled.on('connect', (client) => {
        const send = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
        Object.assign(client, {
          query: (...args: unknown[]) => {
            if (standing) return Promise.resolve({ rows: [], rowCount: 0 });
            const result = send(...args);
            if (!textOf(args[0]).includes('array_send')) return result;
            return result.then(async (read) => {
              reached();
              await held;
              return read;
            });
          },
        });
      });
      const paused = await openWorker(stalled, 'slow', { leaseSeconds: 0.2, concurrency: 1 });
      await pool.query('update slow set embedding = $1 where id = 7', [freshLiteral(1, 'real[]')]);
      const first = paused.worker.drain();
      await reading;
      // The process stands still: so does its heartbeat.
      standing = true;
      await pool.query('update slow set embedding = $1 where id = 7', [freshLiteral(2, 'real[]')]);
      await sleep(300);
      const quick = await openWorker(pool, 'slow');
      await quick.worker.drain();
      expect(await wrongCodes(pool, 'slow', 'slow')).toEqual([]);
      const { rows: before } = await pool.query('select xmin from nestbit.slow where id = 7');
      standing = false;
      goOn();
      await first;
      const { rows: after } = await pool.query('select xmin from nestbit.slow where id = 7');
      expect(after).toEqual(before);
      expect(await wrongCodes(pool, 'slow', 'slow')).toEqual([]);
      await stalled.end();
    });

    test('a long transaction does not hold up the workers, nor they it', async (context) => {
      context.skip(lite, 'one connection');
      await followedTable(pool, 'long', 60);
      const client = await pool.connect();
      await client.query(`begin; set local lock_timeout = '300ms'`);
      await client.query('update long set embedding = $1 where id = 1', [freshLiteral(1, 'real[]')]);
      await pool.query('update long set embedding = $1 where id > 1', [freshLiteral(2, 'real[]')]);
      const { worker } = await openWorker(pool, 'long', { batch: 7 });
      expect(await worker.drain()).toMatchObject({ written: 58 });
      // Rows that the workers settle meanwhile can be changed again at once.
      worker.start();
      for (let round = 0; round < 20; round++)
        await client.query('update long set embedding = $1 where id < 30', [freshLiteral(round, 'real[]')]);
      await client.query('rollback');
      client.release();
      await worker.drain();
      await worker.stop();
      expect(await wrongCodes(pool, 'long', 'long')).toEqual([]);
      expect((await worker.metrics()).queue.depth).toBe(0);
    });

    test('workers wait for no lock of the application while they hold rows of the queue', async (context) => {
      context.skip(lite, 'one connection');
      await followedTable(pool, 'held', 30);
      await pool.query('update held set embedding = $1', [freshLiteral(3, 'real[]')]);
      // Someone sits on one of the codes.
      const client = await pool.connect();
      await client.query('begin; select from nestbit.held where id = 4 for update');
      const { worker } = await openWorker(pool, 'held');
      const draining = worker.drain();
      await sleep(100);
      const begun = performance.now();
      await pool.query('update held set embedding = $1 where id = 5', [freshLiteral(4, 'real[]')]);
      expect(performance.now() - begun).toBeLessThan(2000);
      await client.query('rollback');
      client.release();
      await draining;
      await worker.drain();
      expect(await wrongCodes(pool, 'held', 'held')).toEqual([]);
    });
  });
}

/** The text of a query, given by itself or with the parsers of its results. */
function textOf(query: unknown): string {
  return typeof query === 'string' ? query : String((query as { text?: unknown }).text);
}
