import { PgStore, Shrink } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { noDump, schemaDump } from '../support/postgres/schema-dump.ts';
import { makeTable, WIDTH, wrongCodes } from '../support/shrink-table.ts';

const ROWS = 3000;

for (const { name, why, open } of everyPostgres()) {
  describe(name, () => {
    let database: Database;
    beforeAll(async () => {
      if (why === undefined) database = await open();
    });
    afterAll(async () => {
      await database?.close();
    });

    test('a table is shrunk, searched by its store, cut over and taken back', async (context) => {
      context.skip(why !== undefined, why);
      const { pool, url } = database;
      const type = database.pgvector ? `vector(${WIDTH})` : 'real[]';
      const { vectors } = await makeTable(pool, '"My ""docs"""', ROWS, { type, id: 'integer' });
      await pool.query(`update "My ""docs""" set embedding = null where id in (7, 2999)`);
      const before = url === undefined || noDump !== undefined ? undefined : schemaDump(url);
      const shrink = new Shrink(pool, { table: 'My "docs"', column: 'embedding', name: 'docs' });
      expect(await refusal(() => shrink.status())).toMatch(/^STORE_NOT_FOUND: .*shrink start/);
      const steps = new Set<string>();
      const status = await shrink.start({ onProgress: ({ step }) => steps.add(step) });
      expect([...steps]).toEqual(['calibrate', 'sync', 'backfill', 'sweep', 'index', 'ready']);
      expect(status).toMatchObject({
        phase: 'ready',
        backfill: { done: ROWS, encoded: ROWS - 2, nulls: 2, bad: 0 },
        errorCount: 0,
        nullExamples: ['7', '2999'],
        queue: { depth: 0 },
      });
      expect(status.index?.valid).toBe(database.pgvector ? true : undefined);
      expect(await wrongCodes(pool, '"My ""docs"""', 'docs', type)).toEqual([]);
      // Again: nothing is left to do.
      expect(await shrink.start()).toMatchObject({ phase: 'ready', backfill: { done: ROWS } });
      const store = await PgStore.open(pool, { name: 'docs' });
      const [hits] = await store.search(vectors.subarray(42 * WIDTH, 43 * WIDTH), { k: 3 });
      expect(hits[0].id).toBe(42n);
      const { search, view, advice } = await shrink.cutover();
      const found = await pool.query(`select f.id from ${view} v, ${search}(v.bits, 5) f where v.id = 42`);
      expect(found.rows[0]).toEqual({ id: '42' });
      expect(advice.at(-1)?.statement).toMatch(/drop column/);
      await shrink.cutover();
      expect(await shrink.rollback()).toEqual({ found: true, store: 'dropped' });
      expect(await shrink.rollback()).toEqual({ found: false, store: 'none' });
      if (url !== undefined && before !== undefined) expect(schemaDump(url)).toBe(before);
      const left = await pool.query(`select from pg_namespace where nspname = 'nestbit'`);
      expect(left.rowCount).toBe(0);
      await pool.query('drop table "My ""docs"""');
    });
  });
}
