import { PgStore, Shrink } from '@nestbit/pg-adapter';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { WIDTH, wrongCodes } from '../support/shrink-table.ts';
import { followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

/** Changes of names: the statement, and table, id and column after it. */
const RENAMES: readonly (readonly [string, string, string, string])[] = [
  ['alter table docs rename to papers', 'papers', 'id', 'embedding'],
  ['alter table docs rename column id to doc_id', 'docs', 'doc_id', 'embedding'],
  ['alter table docs rename column embedding to vec', 'docs', 'id', 'vec'],
  ['create schema moved; alter table docs set schema moved', 'moved.docs', 'id', 'embedding'],
  [
    `alter table docs rename to papers; alter table papers rename column id to doc_id;
     alter table papers rename column embedding to vec`,
    'papers',
    'doc_id',
    'vec',
  ],
];

/** After these there is nothing left to follow. */
const LOSSES = [
  'alter table docs drop column embedding cascade',
  'drop table docs',
  'drop table docs cascade',
];

for (const { name, why, open } of everyPostgres()) {
  describe(name, () => {
    let database: Database;
    let pool: pg.Pool;
    beforeEach((context) => context.skip(why !== undefined, why));
    beforeAll(async () => {
      if (why !== undefined) return;
      database = await open();
      pool = database.pool;
    });
    afterEach(async () => {
      // What a failed test left would fail the next ones.
      await pool?.query(
        `drop schema if exists nestbit, other, moved cascade;
         drop table if exists docs, docs_old, papers, others, parts, parent, long, notes, kept cascade`,
      );
    });
    afterAll(async () => {
      await database?.close();
    });

    for (const [ddl, table, id, column] of RENAMES) {
      test(`${ddl.replaceAll(/\s+/g, ' ')}: the application writes on, the sync follows, and a rollback works`, async () => {
        const { vectors } = await followedTable(pool, 'docs', 60);
        const before = await openWorker(pool, 'docs');
        await pool.query(ddl);
        const deleted = await pool.query(`delete from ${table} where ${id} = 1`);
        expect(deleted.rowCount).toBe(1);
        await pool.query(`update ${table} set ${column} = $1 where ${id} = 2`, [freshLiteral(4, 'real[]')]);
        await pool.query(`update ${table} set ${id} = 999 where ${id} = 3`);
        // A worker that was there before, and one that comes after.
        expect(await before.worker.drain()).toMatchObject({ written: 2, removed: 2 });
        await pool.query(`delete from ${table} where ${id} = 5`);
        const { worker } = await openWorker(pool, 'docs');
        expect(await worker.drain()).toMatchObject({ removed: 1 });
        const view = `(select ${id} as id, ${column} as embedding from ${table}) t`;
        expect(await wrongCodes(pool, view, 'docs')).toEqual([]);
        const shrink = new Shrink(pool, { name: 'docs' });
        expect(await shrink.status()).toMatchObject({ phase: 'ready', triggers: [] });
        expect(await shrink.verify({ queries: 3, k: 2 })).toMatchObject({ ok: true });
        const store = await PgStore.open(pool, { name: 'docs' });
        expect(await store.size()).toBe(58);
        const [[hit]] = await store.search(vectors.subarray(7 * WIDTH, 8 * WIDTH), { k: 1 });
        expect(hit.id).toBe(7n);
        await pool.query(`truncate ${table}`);
        expect(await worker.drain()).toMatchObject({ removed: 59 });
        expect(await new Shrink(pool, { table: 'docs', column: 'embedding' }).rollback()).toMatchObject({
          store: 'dropped',
        });
        const left = await pool.query(`select from pg_trigger where tgrelid = '${table}'::regclass`);
        expect(left.rowCount).toBe(0);
        await pool.query(`drop table ${table}; drop schema if exists moved`);
      });
    }

    test('a rollback names the table as it is now, or the store alone; not another table', async () => {
      for (const target of [{ table: 'papers', column: 'embedding', name: 'docs' }, { name: 'docs' }]) {
        await followedTable(pool, 'docs', 40);
        await pool.query(
          'alter table docs rename to papers; create table others (id int primary key, embedding real[])',
        );
        expect(
          await refusal(() =>
            new Shrink(pool, { table: 'others', column: 'embedding', name: 'docs' }).rollback(),
          ),
        ).toMatch(/^STORE_EXISTS: .*papers/);
        expect(await new Shrink(pool, target).rollback()).toEqual({ found: true, store: 'dropped' });
        await pool.query('drop table papers; drop table others');
      }
    });

    test('a view in the place of the renamed table changes nothing for the application or the sync', async () => {
      await followedTable(pool, 'docs', 40);
      await pool.query('alter table docs rename to papers; create view docs as select * from papers');
      await pool.query('delete from docs where id = 1');
      const { worker } = await openWorker(pool, 'docs');
      expect(await worker.drain()).toMatchObject({ removed: 1 });
      const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
      expect(await shrink.status()).toMatchObject({ phase: 'ready', triggers: [] });
      expect(await shrink.rollback()).toMatchObject({ store: 'dropped' });
      await pool.query('drop view docs');
    });

    for (const loss of LOSSES) {
      test(`${loss}: told by name, and a rollback works`, async () => {
        await followedTable(pool, 'docs', 40);
        const { worker } = await openWorker(pool, 'docs');
        await pool.query(loss);
        if (loss.includes('column')) {
          await pool.query('delete from docs where id = 1');
          await pool.query('truncate docs');
        }
        const gone = loss.includes('column') ? /^COLUMN_NOT_FOUND: .*embedding/ : /^TABLE_NOT_FOUND: .*docs/;
        const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
        expect(await refusal(() => shrink.status())).toMatch(gone);
        expect(await refusal(() => worker.drain())).toMatch(gone);
        expect(await shrink.rollback()).toEqual({ found: true, store: 'dropped' });
        const left = await pool.query(`select from pg_namespace where nspname = 'nestbit'`);
        expect(left.rowCount).toBe(0);
        await pool.query('drop table if exists docs');
      });
    }

    test('a store without a table to name it needs both at the start', async () => {
      expect(() => new Shrink(pool, { table: 'docs' })).toThrow(/column/);
      expect(() => new Shrink(pool, {})).toThrow(/name/);
      expect(await refusal(() => new Shrink(pool, { name: 'docs' }).plan())).toMatch(/table/);
      expect(await refusal(() => new Shrink(pool, { name: 'docs' }).start())).toMatch(/table/);
      expect(await refusal(() => new Shrink(pool, { name: 'docs' }).status())).toMatch(/^STORE_NOT_FOUND/);
      expect(await new Shrink(pool, { name: 'docs' }).rollback()).toEqual({ found: false, store: 'none' });
    });
  });
}
