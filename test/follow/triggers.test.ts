import { Shrink } from '@nestbit/pg-adapter';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { makeTable, wrongCodes } from '../support/shrink-table.ts';
import { followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

/** Ways to lose a trigger, and the word by which it is told. */
const LOSSES: readonly (readonly [string, string, RegExp])[] = [
  ['disabled', 'alter table docs disable trigger all', /disabled/],
  ['dropped', 'drop trigger nestbit_docs_update on docs', /missing/],
  ['for replicas only', 'alter table docs enable replica trigger nestbit_docs_delete', /disabled/],
  [
    'table swapped in',
    `create table docs_new (like docs including all); insert into docs_new select * from docs;
     alter table docs rename to docs_old; alter table docs_new rename to docs`,
    /missing/,
  ],
  [
    'columns swapped',
    `alter table docs add other real[]; update docs set other = embedding;
     alter table docs rename embedding to aside; alter table docs rename other to embedding`,
    /watches id and aside, not embedding/,
  ],
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

    for (const [what, loss, said] of LOSSES) {
      // The distribution's server adds nothing to the second way.
      for (const mend of name === 'distribution' ? (['start'] as const) : (['start', 'sync'] as const)) {
        test(`triggers that are lost (${what}) are told of, and mended by ${mend} with what they missed`, async () => {
          await followedTable(pool, 'docs', 120);
          const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
          expect((await shrink.status()).triggers).toEqual([]);
          await pool.query(loss);
          await pool.query('update docs set embedding = $1 where id = 1', [freshLiteral(5, 'real[]')]);
          await pool.query('delete from docs where id = 3');
          await pool.query('insert into docs values (1000, $1, $2)', ['new', freshLiteral(6, 'real[]')]);
          expect((await shrink.status()).triggers.join()).toMatch(said);
          expect((await shrink.verify({ queries: 0 })).triggers.join()).toMatch(said);
          if (mend === 'start') await shrink.start();
          else {
            const { worker, errors } = await openWorker(pool, 'docs');
            await worker.drain();
            expect(errors.map((error) => error.message).join()).toMatch(said);
          }
          expect((await shrink.status()).triggers).toEqual([]);
          expect(await wrongCodes(pool, 'docs', 'docs')).toEqual([]);
          await pool.query('update docs set embedding = $1 where id = 2', [freshLiteral(7, 'real[]')]);
          const { worker } = await openWorker(pool, 'docs');
          expect(await worker.drain()).toMatchObject({ written: 1 });
          expect(await wrongCodes(pool, 'docs', 'docs')).toEqual([]);
          await shrink.rollback();
          await pool.query('drop table docs; drop table if exists docs_old');
        });
      }
    }

    test('a running worker finds out by itself', async (context) => {
      context.skip(
        name === 'PGlite',
        'PGlite has one connection: the worker and this test would wait for each other',
      );
      await followedTable(pool, 'docs', 60);
      const { worker, errors } = await openWorker(pool, 'docs', { checkMs: 50 });
      worker.start();
      await pool.query('alter table docs disable trigger all');
      await pool.query('update docs set embedding = $1 where id = 1', [freshLiteral(5, 'real[]')]);
      await expect
        .poll(async () => await wrongCodes(pool, 'docs', 'docs'), { timeout: 5000, interval: 50 })
        .toEqual([]);
      await worker.stop();
      expect(errors.map((error) => error.message).join()).toMatch(/disabled/);
      await new Shrink(pool, { table: 'docs', column: 'embedding' }).rollback();
      await pool.query('drop table docs');
    });

    test('several workers find lost triggers at once, and each of them goes on', async (context) => {
      context.skip(name === 'PGlite', 'PGlite has one connection');
      await followedTable(pool, 'docs', 60);
      for (let round = 0; round < 3; round++) {
        const workers = await Promise.all([1, 2, 3, 4].map(() => openWorker(pool, 'docs')));
        await pool.query('alter table docs disable trigger all');
        await pool.query('update docs set embedding = $1 where id < 9', [freshLiteral(round, 'real[]')]);
        await Promise.all(workers.map(({ worker }) => worker.drain()));
        expect(await wrongCodes(pool, 'docs', 'docs')).toEqual([]);
      }
    });

    test('a table with children by inheritance is refused; one that gets a child is told of', async () => {
      await makeTable(pool, 'parent', 40);
      await pool.query('create table child () inherits (parent)');
      const shrink = new Shrink(pool, { table: 'parent', column: 'embedding' });
      expect(await refusal(() => shrink.start())).toMatch(/^UNSUPPORTED: .*parent.*child/);
      expect(await refusal(() => shrink.plan())).toMatch(/^UNSUPPORTED: .*parent.*child/);
      await pool.query('drop table child');
      await shrink.start({ index: 'none' });
      await pool.query('create table child () inherits (parent)');
      expect((await shrink.status()).triggers.join()).toMatch(/child/);
      await shrink.rollback();
      await pool.query('drop table parent cascade');
    });

    test('a partition whose trigger is disabled is told of and mended', async () => {
      await pool.query(
        `create table parts (id bigint primary key, embedding real[]) partition by range (id);
         create table "parts %s a" partition of parts for values from (0) to (100);
         create table parts_b partition of parts for values from (100) to (200)`,
      );
      const values = Array.from({ length: 200 }, (_, id) => `(${id}, '${freshLiteral(id, 'real[]')}')`);
      await pool.query(`insert into parts values ${values.join(',')}`);
      const shrink = new Shrink(pool, { table: 'parts', column: 'embedding' });
      await shrink.start({ index: 'none' });
      await pool.query('alter table parts_b disable trigger all');
      await pool.query('delete from parts where id in (1, 101)');
      expect((await shrink.status()).triggers.join()).toMatch(/disabled.*parts_b/);
      await shrink.start();
      expect((await shrink.status()).triggers).toEqual([]);
      expect(await wrongCodes(pool, 'parts', 'parts')).toEqual([]);
      await pool.query('truncate "parts %s a"');
      const { worker } = await openWorker(pool, 'parts');
      expect(await worker.drain()).toMatchObject({ removed: 99 });
      await shrink.rollback();
      await pool.query('drop table parts');
    });
  });
}
