import { Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { expect, test } from 'vitest';
import { oneWithVector } from '../support/postgres/databases.ts';
import { wrongCodes } from '../support/shrink-table.ts';
import { followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

// The grants are those of docs/sync.md.
test('an application without rights on nestbit writes its table; a worker has the documented grants only', async (context) => {
  const database = await oneWithVector().open();
  const { pool, url } = database;
  context.skip(url === undefined, 'needs a server: PGlite has one user');
  await followedTable(pool, 'shared', 40);
  const as = async (role: string, grants: readonly string[]): Promise<pg.Pool> => {
    await pool.query(`drop role if exists ${role}`);
    await pool.query(`create role ${role} login`);
    for (const grant of grants) await pool.query(`${grant} to ${role}`);
    const own = new URL(url as string);
    own.username = role;
    return new pg.Pool({ connectionString: own.href });
  };
  const app = await as('nestbit_app', ['grant select, insert, update, delete, truncate on shared']);
  const sync = await as('nestbit_sync', [
    'grant usage on schema nestbit',
    'grant select, insert, update, delete on all tables in schema nestbit',
    'grant usage, select, update on all sequences in schema nestbit',
    'grant select on shared',
  ]);
  // An evil search path changes nothing.
  await app.query(`set search_path = pg_temp, public`);
  await app.query('update shared set embedding = $1 where id < 5', [freshLiteral(1, 'real[]')]);
  await app.query('delete from shared where id = 9');
  await expect(app.query('select * from nestbit.shared_queue')).rejects.toThrow(/permission denied/);
  const { worker, errors } = await openWorker(sync, 'shared');
  expect(await worker.drain()).toMatchObject({ written: 5, removed: 1 });
  expect(await wrongCodes(pool, 'shared', 'shared')).toEqual([]);
  await app.query('truncate shared');
  await worker.drain();
  expect(await wrongCodes(pool, 'shared', 'shared')).toEqual([]);
  expect(errors).toEqual([]);
  for (const one of [app, sync]) await one.end();
  await new Shrink(pool, { table: 'shared', column: 'embedding' }).rollback();
  for (const role of ['nestbit_app', 'nestbit_sync'])
    await pool.query(`drop owned by ${role}; drop role ${role}`);
  await database.close();
});
