import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { oneWithVector } from '../support/postgres/databases.ts';
import { seeded } from '../support/random.ts';
import { wrongCodes } from '../support/shrink-table.ts';
import { followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

/** Seconds; a minute with NESTBIT_TEST_TERMINATE=60. */
const SECONDS = Number(process.env['NESTBIT_TEST_TERMINATE'] ?? 5);
const ROWS = 400;
const CLIENTS = 4;
const ENDED = /terminat|connection|57P01|ECONNRESET|EPIPE/i;

// An unhandled error fails the run by itself.
test(
  `sessions that are ended at random for ${SECONDS} s, under ${CLIENTS} clients and 2 workers: nothing is lost or doubled`,
  async (context) => {
    const { why, open } = oneWithVector();
    context.skip(why !== undefined, why);
    const database = await open();
    context.skip(database.url === undefined, 'needs a server: PGlite has no sessions to end');
    const { pool: calm } = database;
    await followedTable(calm, 'docs', ROWS);
    const application = `chaos_${process.pid}`;
    const shaken = new pg.Pool({ connectionString: database.url, application_name: application, max: 8 });
    shaken.on('error', () => {});
    const workers = await Promise.all(
      [1, 2].map(() => openWorker(shaken, 'docs', { batch: 25, leaseSeconds: 1, checkMs: 200 })),
    );
    for (const { worker } of workers) worker.start();
    const end = performance.now() + 1000 * SECONDS;
    const random = seeded(11);
    let ended = 0;
    const killing = (async () => {
      while (performance.now() < end) {
        const { rowCount } = await calm.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 order by random() limit 1`,
          [application],
        );
        ended += rowCount ?? 0;
        await sleep(random(60));
      }
    })();
    // What each client knows to be committed, of ids that are its own; undefined where it cannot know.
    const committed = new Map<number, number | null | undefined>();
    const client = async (number: number): Promise<void> => {
      const own = seeded(100 + number);
      while (performance.now() < end) {
        const id = number + CLIENTS * own(ROWS / CLIENTS);
        const version = own(500);
        const gone = own(5) === 0;
        try {
          if (gone) await shaken.query('delete from docs where id = $1', [id]);
          else
            await shaken.query(
              `insert into docs (id, title, embedding) values ($1, $2, $3)
             on conflict (id) do update set title = excluded.title, embedding = excluded.embedding`,
              [id, String(version), freshLiteral(version, 'real[]')],
            );
          committed.set(id, gone ? null : version);
        } catch (error) {
          committed.set(id, undefined);
          if (!ENDED.test(`${(error as Error).message} ${(error as { code?: string }).code}`)) throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
    await killing;
    expect(ended).toBeGreaterThan(SECONDS * 5);
    await expect
      .poll(async () => (await calm.query('select from nestbit.docs_queue')).rowCount, { timeout: 20_000 })
      .toBe(0);
    for (const { worker } of workers) await worker.stop();
    const { worker } = await openWorker(calm, 'docs');
    await worker.drain();
    expect(await wrongCodes(calm, 'docs', 'docs')).toEqual([]);
    const { rows } = await calm.query<{ id: string; title: string }>('select id, title from docs');
    const titles = new Map(rows.map(({ id, title }) => [Number(id), title]));
    for (const [id, version] of committed)
      if (version !== undefined)
        expect([id, titles.get(id)]).toEqual([id, version === null ? undefined : String(version)]);
    const doubled = await calm.query('select id from nestbit.docs group by id having count(*) > 1');
    expect(doubled.rows).toEqual([]);
    expect((await worker.metrics()).queue).toMatchObject({ depth: 0, claimed: 0, setAsideCount: 0 });
    for (const one of workers) {
      expect(one.worker.counts).toMatchObject({ failed: 0, setAside: 0 });
      for (const error of one.errors)
        expect(`${(error as { code?: string }).code} ${error.message}`).toMatch(
          /^CONNECTION_LOST|not queryable/,
        );
    }
    await shaken.end();
    await database.close();
  },
  1000 * (SECONDS + 60),
);
