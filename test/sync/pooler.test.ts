import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { oneWithVector } from '../support/postgres/databases.ts';
import { noPgBouncer, startPgBouncer } from '../support/postgres/pgbouncer.ts';
import { wrongCodes } from '../support/shrink-table.ts';
import { changeAtRandom, followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

test('behind PgBouncer in transaction mode a worker polls, and does not say that it listens', async (context) => {
  const { why, open } = oneWithVector();
  context.skip(why !== undefined || noPgBouncer !== undefined, why ?? noPgBouncer);
  const database = await open();
  context.skip(database.url === undefined, 'needs a server: PGlite is reached within the process');
  const bouncer = await startPgBouncer(database.url as string);
  const pool = new pg.Pool({ connectionString: bouncer.url });
  pool.on('error', () => {});
  try {
    await followedTable(database.pool, 'docs', 200);
    const { worker, errors } = await openWorker(pool, 'docs', { listen: true });
    worker.start();
    await sleep(500);
    expect((await worker.metrics()).listening).toBe(false);
    await Promise.all([1, 2].map((seed) => changeAtRandom(pool, 'docs', 200, 100, seed, 'real[]')));
    await pool.query('update docs set embedding = $1 where id < 20', [freshLiteral(1, 'real[]')]);
    await expect
      .poll(() => wrongCodes(database.pool, 'docs', 'docs'), { timeout: 10_000, interval: 50 })
      .toEqual([]);
    expect((await worker.metrics()).listening).toBe(false);
    await worker.stop();
    expect(errors).toEqual([]);
  } finally {
    await pool.end();
    await bouncer.stop();
    await database.close();
  }
});
