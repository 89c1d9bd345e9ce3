import { Shrink } from '@nestbit/pg-adapter';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { makeTable, WIDTH, wrongCodes } from '../support/shrink-table.ts';
import { freshLiteral, openWorker } from '../support/sync-table.ts';

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
      await pool?.query(
        'drop schema if exists nestbit cascade; drop table if exists docs, "public.docs" cascade; drop domain if exists key, emb, short_emb',
      );
    });
    afterAll(async () => {
      await database?.close();
    });

    test('domains are what they are made of, as ids and as embeddings', async () => {
      const base = database.pgvector ? `vector(${WIDTH})` : 'real[]';
      await pool.query(
        `create domain key as integer check (value >= 0); create domain emb as ${base}; create domain short_emb as emb`,
      );
      await makeTable(pool, 'docs', 80, { id: 'key', type: base });
      await pool.query('alter table docs alter embedding type short_emb');
      const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
      const plan = await shrink.plan({ trialRows: 50 });
      expect(plan).toMatchObject({ rows: 80, dimensions: { input: WIDTH } });
      expect(await shrink.start({ index: 'none' })).toMatchObject({ backfill: { encoded: 80, bad: 0 } });
      await pool.query('update docs set embedding = $1 where id = 1', [freshLiteral(1, base)]);
      await pool.query('update docs set id = 500 where id = 2');
      const { worker } = await openWorker(pool, 'docs');
      expect(await worker.drain()).toMatchObject({ written: 2, removed: 1 });
      expect(await wrongCodes(pool, 'docs', 'docs', base)).toEqual([]);
      expect(await shrink.verify({ queries: 3, k: 2 })).toMatchObject({ ok: true });
    });

    test('a column of several widths is verified with its searches: rows of another width are listed', async (context) => {
      context.skip(!database.pgvector, 'needs pgvector');
      await makeTable(pool, 'docs', 120, { type: 'vector' });
      await pool.query(`insert into docs (id, embedding) values (1000, '[1,2,3]')`);
      const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
      expect(await shrink.start()).toMatchObject({ backfill: { encoded: 120, bad: 1 } });
      const { ok, parity, recall } = await shrink.verify({ queries: 10, k: 3 });
      expect({ ok, parity }).toMatchObject({ ok: true, parity: { rows: 121, right: 120, bad: 1 } });
      expect(recall?.floats?.recall).toBe(1);
    });

    test('arrays within arrays are no embeddings: listed among others, and named when there are only such', async () => {
      for (const [type, nest] of [
        ['real[]', 'array[embedding]'],
        ['double precision[]', 'array[embedding]'],
        ['jsonb', 'jsonb_build_array(embedding)'],
      ]) {
        const made = type === 'jsonb' ? 'real[]' : type;
        await makeTable(pool, 'docs', 60, { type: made });
        if (type === 'jsonb')
          await pool.query('alter table docs alter embedding type jsonb using to_jsonb(embedding)');
        await pool.query(`update docs set embedding = ${nest} where id < 40`);
        const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
        expect((await shrink.plan({ trialRows: 50 })).sample).toMatchObject({
          dimensions: WIDTH,
          others: [{ dimensions: 0, rows: 40 }],
        });
        const status = await shrink.start({ index: 'none' });
        expect(status).toMatchObject({ backfill: { encoded: 20, bad: 40 } });
        expect(status.errors[0].code).toBe('VECTOR_INVALID');
        await shrink.rollback();
        await pool.query('delete from docs where id >= 40');
        expect(await refusal(() => shrink.start({ index: 'none' }))).toMatch(
          /^BATCH_EMPTY: .*several dimensions/,
        );
        await pool.query('drop table docs');
      }
    });

    test('schema.table names a table of that schema, unless a table has the whole as its name', async () => {
      await makeTable(pool, 'docs', 60);
      const dotted = new Shrink(pool, { table: 'public.docs', column: 'embedding' });
      expect((await dotted.plan({ trialRows: 50 })).source).toMatchObject({
        schema: 'public',
        table: 'docs',
      });
      expect(await dotted.start({ index: 'none' })).toMatchObject({ name: 'docs' });
      const plain = new Shrink(pool, { table: 'docs', column: 'embedding' });
      expect(await plain.status()).toMatchObject({ name: 'docs', phase: 'ready' });
      expect(await dotted.rollback()).toMatchObject({ found: true });
      await makeTable(pool, '"public.docs"', 50);
      expect((await dotted.plan({ trialRows: 50 })).rows).toBe(50);
      const missing = new Shrink(pool, { table: 'public.nothing', column: 'embedding' });
      expect(await refusal(() => missing.plan())).toMatch(/^TABLE_NOT_FOUND: .*public\.nothing/);
    });
  });
}
