import { clusteredVectors } from '@nestbit/core/testing';
import { followTexts, Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';
import { makeTable, WIDTH, wrongCodes } from '../support/shrink-table.ts';
import { followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

const { why, open } = oneWithVector();
let database: Database;
let pool: pg.Pool;
let limited: pg.Pool;
const GRANTS = [
  'grant usage on schema nestbit to nestbit_limited',
  'grant select, insert, update, delete on all tables in schema nestbit to nestbit_limited',
  'grant usage, select, update on all sequences in schema nestbit to nestbit_limited',
];

beforeAll(async () => {
  if (why !== undefined) return;
  database = await open();
  pool = database.pool;
  if (database.url === undefined) return;
  await pool.query('create role nestbit_limited login');
  const url = new URL(database.url);
  url.username = 'nestbit_limited';
  limited = new pg.Pool({ connectionString: url.href });
});
afterAll(async () => {
  await limited?.end();
  if (limited !== undefined) await pool.query('drop owned by nestbit_limited; drop role nestbit_limited');
  await database?.close();
});

async function hideOddRows(table: string): Promise<void> {
  await pool.query(
    `grant select on ${table} to nestbit_limited; alter table ${table} enable row level security;
     create policy even on ${table} to nestbit_limited using (id % 2 = 0)`,
  );
}

test('a worker that sees some rows only refuses, and takes no code away', async (context) => {
  context.skip(database?.url === undefined, why ?? 'PGlite has one user, who sees all');
  await followedTable(pool, 'docs', 60);
  for (const grant of GRANTS) await pool.query(grant);
  await pool.query('grant select on docs to nestbit_limited');
  const before = await openWorker(limited, 'docs');
  await hideOddRows('docs');
  await pool.query('update docs set embedding = $1 where id in (1, 2)', [freshLiteral(1, 'real[]')]);
  const refused = /^PERMISSION_DENIED: .*row level security.*docs.*nestbit_limited.*bypassrls/i;
  // One that was open already, sweeping and settling; one that comes later.
  expect(await refusal(() => before.worker.drain())).toMatch(refused);
  expect(await refusal(() => before.worker.sweep())).toMatch(refused);
  expect(await refusal(async () => (await openWorker(limited, 'docs')).worker.drain())).toMatch(refused);
  expect((await pool.query('select from nestbit.docs')).rowCount).toBe(60);
  const seen = new Shrink(limited, { table: 'docs', column: 'embedding' });
  expect(await refusal(() => seen.verify({ queries: 0 }))).toMatch(refused);
  expect(await refusal(() => seen.plan())).toMatch(refused);
  // Nothing is lost: who sees all settles it.
  const { worker } = await openWorker(pool, 'docs');
  expect(await worker.drain()).toMatchObject({ written: 2, removed: 0, setAside: 0 });
  expect(await wrongCodes(pool, 'docs', 'docs')).toEqual([]);
  await pool.query('alter role nestbit_limited bypassrls');
  await pool.query('update docs set embedding = $1 where id = 3', [freshLiteral(2, 'real[]')]);
  expect(await (await openWorker(limited, 'docs')).worker.drain()).toMatchObject({ written: 1 });
  await pool.query('alter role nestbit_limited nobypassrls');
});

test('an owner under forced row level security makes no codes of a part of the rows', async (context) => {
  context.skip(database?.url === undefined, why ?? 'PGlite has one user, who sees all');
  await makeTable(pool, 'own', 60);
  await pool.query(
    `alter table own owner to nestbit_limited; alter table own force row level security;
     create schema mine authorization nestbit_limited`,
  );
  await hideOddRows('own');
  const shrink = new Shrink(limited, { table: 'own', column: 'embedding', schema: 'mine' });
  expect(await refusal(() => shrink.start({ index: 'none' }))).toMatch(
    /^PERMISSION_DENIED: .*row level security/i,
  );
  await pool.query(
    'create table texts (id int primary key, body text); alter table texts owner to nestbit_limited',
  );
  await pool.query(
    `insert into texts select g, 'text ' || g from generate_series(1, 20) g; alter table texts force row level security`,
  );
  await hideOddRows('texts');
  const encoder = {
    dimensions: WIDTH,
    identity: 'any',
    encode: async (t: readonly string[]) => clusteredVectors(t.length, WIDTH),
  };
  expect(
    await refusal(() => followTexts(limited, { table: 'texts', column: 'body', encoder, schema: 'mine' })),
  ).toMatch(/^PERMISSION_DENIED: .*row level security/i);
});

test('policies that come in the middle of a backfill end it, with nothing half done', async (context) => {
  context.skip(database?.url === undefined, why ?? 'PGlite has one user, who sees all');
  await makeTable(pool, 'midway', 3000);
  await pool.query(
    'alter table midway owner to nestbit_limited; create schema if not exists half authorization nestbit_limited',
  );
  const shrink = new Shrink(limited, { table: 'midway', column: 'embedding', schema: 'half' });
  let enabled: Promise<unknown> | undefined;
  const refused = await refusal(() =>
    shrink.start({
      index: 'none',
      rowsPerSecond: 4000,
      onProgress: ({ step, done }) => {
        if (step === 'backfill' && done > 0)
          enabled ??= pool
            .query('alter table midway force row level security')
            .then(() => hideOddRows('midway'));
      },
    }),
  );
  await enabled;
  expect(refused).toMatch(/^PERMISSION_DENIED: .*row level security/i);
  await pool.query('alter table midway disable row level security');
  await shrink.start({ index: 'none' });
  expect(await shrink.verify({ queries: 0 })).toMatchObject({
    ok: true,
    parity: { rows: 3000, right: 3000 },
  });
});
