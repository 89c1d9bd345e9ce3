import { setTimeout as sleep } from 'node:timers/promises';
import { PgStore, Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { literalOf, WIDTH, wrongCodes } from '../support/shrink-table.ts';
import { changeAtRandom, followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

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

    test('after random changes by several clients the codes are those of the table', async () => {
      await followedTable(pool, 'busy', 400);
      const workers = await Promise.all(
        [1, 2, 3].map(() => openWorker(pool, 'busy', { batch: 20, concurrency: 2 })),
      );
      for (const { worker } of workers) worker.start();
      await Promise.all([1, 2, 3, 4].map((seed) => changeAtRandom(pool, 'busy', 400, 250, seed, 'real[]')));
      await workers[0].worker.drain();
      for (const { worker } of workers) await worker.stop();
      expect(workers.flatMap(({ errors }) => errors)).toEqual([]);
      expect(await wrongCodes(pool, 'busy', 'busy')).toEqual([]);
      expect((await workers[0].worker.metrics()).queue).toMatchObject({
        depth: 0,
        claimed: 0,
        oldestSeconds: 0,
      });
    });

    test('an update of another column, or of nothing, costs no work; NULL in, NULL out', async () => {
      await followedTable(pool, 'calm', 50);
      await pool.query(`update calm set title = 'x'; update calm set embedding = embedding`);
      await pool.query('insert into calm (id) values (100), (101)');
      const { worker } = await openWorker(pool, 'calm');
      expect((await worker.metrics()).queue.depth).toBe(0);
      await pool.query('update calm set embedding = null where id < 3');
      expect(await worker.drain()).toMatchObject({ removed: 3, written: 0 });
      await pool.query(
        `update calm set embedding = (select embedding from calm where id = 9) where id = 100`,
      );
      expect(await worker.drain()).toMatchObject({ written: 1 });
      expect(await wrongCodes(pool, 'calm', 'calm')).toEqual([]);
    });

    test('rows that cannot be encoded lose their code and are listed, and are forgotten once mended', async () => {
      await followedTable(pool, 'ill', 30);
      await pool.query(
        `update ill set embedding = array_fill('NaN'::real, array[${WIDTH}]) where id = 1;
         update ill set embedding = array_fill(0::real, array[${WIDTH}]) where id = 2;
         update ill set embedding = '{1,2,3}' where id = 3;`,
      );
      const { worker } = await openWorker(pool, 'ill');
      expect(await worker.drain()).toMatchObject({ bad: 3, removed: 3, written: 0, setAside: 0 });
      const listed = await pool.query(
        `select id, code from nestbit.shrink_errors where name = 'ill' order by id`,
      );
      expect(listed.rows).toEqual([
        { id: '1', code: 'VECTOR_NOT_FINITE' },
        { id: '2', code: 'VECTOR_ZERO' },
        { id: '3', code: 'DIMENSIONS' },
      ]);
      await pool.query('update ill set embedding = $1 where id <= 3', [freshLiteral(1, 'real[]')]);
      await worker.drain();
      expect((await pool.query(`select from nestbit.shrink_errors where name = 'ill'`)).rowCount).toBe(0);
      expect(await wrongCodes(pool, 'ill', 'ill')).toEqual([]);
    });

    test('TRUNCATE takes the codes away, and rows that come after it get theirs', async () => {
      const { vectors } = await followedTable(pool, 'cut', 40);
      const { worker } = await openWorker(pool, 'cut');
      await pool.query(`truncate cut`);
      await pool.query('insert into cut values (5, $1, $2)', [
        't',
        literalOf(vectors.subarray(0, WIDTH), 'real[]'),
      ]);
      expect(await worker.drain()).toMatchObject({ written: 1, removed: 39 });
      expect(await wrongCodes(pool, 'cut', 'cut')).toEqual([]);
    });

    test('partitions are followed, also when a row moves, one is truncated, and one comes or goes', async () => {
      await pool.query(
        `create table parts (id bigint not null, title text, embedding real[], year int not null) partition by range (id);
         create table parts_a partition of parts for values from (0) to (100);
         create table parts_b partition of parts for values from (100) to (200);
         alter table parts add primary key (id);`,
      );
      const vector = freshLiteral(1, 'real[]');
      const values = Array.from({ length: 200 }, (_, id) => `(${id}, '${freshLiteral(id, 'real[]')}', 1)`);
      await pool.query(`insert into parts (id, embedding, year) values ${values.join(',')}`);
      await new Shrink(pool, { table: 'parts', column: 'embedding' }).start({ index: 'none' });
      const { worker } = await openWorker(pool, 'parts');
      await pool.query('update parts set id = 1000 + id - 1000 + 0 where id = 3');
      await pool.query('delete from parts where id = 199');
      await pool.query('update parts set id = 199 where id = 5');
      await pool.query('update parts_b set embedding = $1 where id = 150', [vector]);
      await worker.drain();
      expect(await wrongCodes(pool, 'parts', 'parts')).toEqual([]);
      await pool.query('truncate parts_a');
      await worker.drain();
      expect(await wrongCodes(pool, 'parts', 'parts')).toEqual([]);
      await pool.query(
        'create table parts_c (like parts including all); insert into parts_c select 201, null, embedding, 2 from parts limit 1',
      );
      await pool.query('alter table parts attach partition parts_c for values from (200) to (300)');
      await pool.query('alter table parts detach partition parts_b');
      expect(await worker.sweep()).toBe(101);
      await worker.drain();
      expect(await wrongCodes(pool, 'parts', 'parts')).toEqual([]);
      await pool.query('update parts set embedding = $1 where id = 201', [vector]);
      expect((await worker.drain()).written).toBeGreaterThan(0);
      expect(await wrongCodes(pool, 'parts', 'parts')).toEqual([]);
      expect(await new Shrink(pool, { table: 'parts', column: 'embedding' }).rollback()).toMatchObject({
        store: 'dropped',
      });
      const { rowCount } = await pool.query(`select from pg_trigger where tgname like 'nestbit%parts%'`);
      expect(rowCount).toBe(0);
    });

    test('with bitsInTrigger the bits of a row are right the moment its transaction ends', async (context) => {
      context.skip(!database.pgvector, 'needs pgvector');
      await followedTable(pool, 'bitty', 100, { type: `vector(${WIDTH})`, bitsInTrigger: true });
      await pool.query('update bitty set embedding = $1 where id < 10', [freshLiteral(1, 'vector')]);
      const stale = await wrongCodes(pool, 'bitty', 'bitty', 'vector');
      expect(stale.filter((one) => one.endsWith('bits'))).toEqual([]);
      // The copy and the scalars follow with the worker.
      expect(new Set(stale.map((one) => one.split(' ')[0])).size).toBe(10);
      const { worker } = await openWorker(pool, 'bitty', { batch: 10 });
      if (!lite) worker.start();
      await Promise.all([1, 2].map((seed) => changeAtRandom(pool, 'bitty', 100, 150, seed, 'vector')));
      await worker.drain();
      await worker.stop();
      expect(await wrongCodes(pool, 'bitty', 'bitty', 'vector')).toEqual([]);
    });

    test('names that need quoting, and ids of text', async () => {
      const table = 'o\'clock "x" $nestbit$ %s';
      const sql = pg.escapeIdentifier(table);
      await pool.query(`create table ${sql} ("the id" text primary key, "a""b" real[])`);
      const ids = ['a', 'B', 'ä', "it's", '\u{1F600}', ' '];
      for (const [row, id] of ids.entries())
        await pool.query(`insert into ${sql} values ($1, $2)`, [id, freshLiteral(row, 'real[]')]);
      await new Shrink(pool, { table, column: 'a"b' }).start({ index: 'none' });
      const { worker } = await openWorker(pool, table);
      await pool.query(`update ${sql} set "the id" = 'other' where "the id" = 'a'`);
      await pool.query(`update ${sql} set "a""b" = $1`, [freshLiteral(9, 'real[]')]);
      expect(await worker.drain()).toMatchObject({ written: 6, removed: 1 });
      await pool.query(`truncate ${sql}`);
      expect(await worker.drain()).toMatchObject({ written: 6 });
      await worker.drain();
      const store = await PgStore.open(pool, { name: table });
      expect(await store.get([...ids, 'other'])).toEqual(Array(7).fill(undefined));
      await new Shrink(pool, { table, column: 'a"b' }).rollback();
    });

    test('a change is settled soon after it is told of, and without LISTEN soon after too', async () => {
      await followedTable(pool, 'soon', 10);
      for (const listen of [true, false]) {
        const { worker } = await openWorker(pool, 'soon', { listen, pollMs: listen ? 60_000 : 200 });
        worker.start();
        await sleep(lite ? 300 : 1500);
        if (!lite) expect((await worker.metrics()).listening).toBe(listen);
        if (lite && listen) {
          await worker.stop();
          continue;
        }
        const begun = performance.now();
        await pool.query('update soon set embedding = $1 where id = 1', [
          freshLiteral(listen ? 1 : 2, 'real[]'),
        ]);
        while (worker.counts.written === 0) {
          expect(performance.now() - begun).toBeLessThan(10_000);
          await sleep(5);
        }
        await worker.stop();
        expect(await wrongCodes(pool, 'soon', 'soon')).toEqual([]);
      }
    });
  });
}
