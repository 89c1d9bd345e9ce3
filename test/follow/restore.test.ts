import { execFileSync } from 'node:child_process';
import { PgStore, Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresBin, postgresRoot } from '../../scripts/postgres/root.js';
import { commandOf } from '../support/postgres/cluster.ts';
import { oneWithVector } from '../support/postgres/databases.ts';
import { noDump } from '../support/postgres/schema-dump.ts';
import { makeTable, WIDTH, wrongCodes } from '../support/shrink-table.ts';
import { freshLiteral, openWorker } from '../support/sync-table.ts';

function run(program: string, args: readonly string[], input?: Buffer): Buffer {
  const [command, ...rest] = commandOf({ root: postgresRoot, bin: postgresBin }, program, ...args);
  return execFileSync(command, rest, { stdio: ['pipe', 'pipe', 'pipe'], input, maxBuffer: 1 << 28 });
}

// What hosted Postgres gives: a role that owns its database and makes no extension.
test('a dump is restored in another database by a role that is no superuser, and all goes on there', async (context) => {
  const { why, open } = oneWithVector();
  context.skip(why !== undefined || noDump !== undefined, why ?? noDump);
  const [from, to] = [await open(), await open()];
  context.skip(from.url === undefined, 'needs a server: PGlite is dumped as a whole');
  const role = `owner_${new URL(to.url as string).pathname.slice(1)}`;
  await from.pool.query(`create role ${role} login`);
  const as = (url: string): string => {
    const own = new URL(url);
    own.username = role;
    return own.href;
  };
  for (const { pool, url } of [from, to]) {
    await pool.query(`alter database ${new URL(url as string).pathname.slice(1)} owner to ${role}`);
    await pool.query(`grant all on schema public to ${role}`);
  }
  const before = new pg.Pool({ connectionString: as(from.url as string) });
  const type = `vector(${WIDTH})`;
  const { vectors } = await makeTable(before, 'docs', 400, { type });
  // Columns that went away make the numbers of the others differ after a restore.
  await before.query(
    'alter table docs add gone int; alter table docs drop column title; alter table docs drop column gone',
  );
  const shrink = new Shrink(before, { table: 'docs', column: 'embedding' });
  await shrink.start();
  await shrink.cutover();
  await before.query('update docs set embedding = $1 where id = 1', [freshLiteral(1, type)]);

  const dump = run('pg_dump', ['--format=custom', as(from.url as string)]);
  run('pg_restore', ['--no-comments', '--exit-on-error', '--dbname', as(to.url as string)], dump);

  const after = new pg.Pool({ connectionString: as(to.url as string) });
  const restored = new Shrink(after, { table: 'docs', column: 'embedding' });
  expect(await restored.status()).toMatchObject({ phase: 'cutover', triggers: [], queue: { depth: 1 } });
  const store = await PgStore.open(after, { name: 'docs' });
  const query = vectors.subarray(42 * WIDTH, 43 * WIDTH);
  expect((await store.search(query, { k: 1 }))[0][0].id).toBe(42n);
  expect(await store.explain(query)).toMatchObject({ plan: 'hnsw' });
  const found = await after.query(
    'select f.id from nestbit.docs_codes v, nestbit.docs_find(v.bits, 1) f where v.id = 42',
  );
  expect(found.rows).toEqual([{ id: '42' }]);
  // A change before the dump, and those after the restore.
  await after.query('update docs set embedding = $1 where id = 2', [freshLiteral(2, type)]);
  await after.query('delete from docs where id = 3');
  const { worker, errors } = await openWorker(after, 'docs');
  expect(await worker.drain()).toMatchObject({ written: 2, removed: 1 });
  expect(errors).toEqual([]);
  expect(await restored.verify({ queries: 5 })).toMatchObject({
    ok: true,
    triggers: [],
    parity: { rows: 399 },
  });
  expect(await wrongCodes(after, 'docs', 'docs', type)).toEqual([]);
  // Names of now and numbers of columns are those of this database.
  await after.query('alter table docs rename to papers; alter table papers rename column id to doc_id');
  await after.query('delete from papers where doc_id = 4');
  expect(await (await openWorker(after, 'docs')).worker.drain()).toMatchObject({ removed: 1 });
  expect(await restored.rollback()).toMatchObject({ store: 'dropped' });
  await shrink.rollback();
  for (const pool of [before, after]) await pool.end();
  for (const { pool } of [from, to])
    await pool.query(`reassign owned by ${role} to postgres; drop owned by ${role}`);
  await to.close();
  await from.pool.query(`drop role ${role}`);
  await from.close();
});
