import { type Codec, calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore, Shrink } from '@nestbit/pg-adapter';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { makeTable, WIDTH, wrongCodes } from '../support/shrink-table.ts';
import { followedTable, freshLiteral, openWorker } from '../support/sync-table.ts';

/** What a store that follows a table may need of names beside its own. */
const DERIVED = ['bits', 'seq', 'ann', 'queue', 'due', 'version', 'changes', 'texts', 'codes'];

for (const { name, why, open } of everyPostgres()) {
  describe(name, () => {
    let database: Database;
    let pool: pg.Pool;
    let codec: Codec;
    beforeEach((context) => context.skip(why !== undefined, why));
    beforeAll(async () => {
      if (why !== undefined) return;
      database = await open();
      pool = database.pool;
      codec = (await calibrate([clusteredVectors(300, WIDTH)], { inputDimensions: WIDTH })).codec();
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

    test('a migration whose names are taken by other stores is refused, and rolled back leaves them', async () => {
      await makeTable(pool, 'docs', 40);
      for (const suffix of DERIVED) {
        const other = await PgStore.create(pool, { name: `docs_${suffix}`, codec });
        await other.upsert({ ids: ['a'], embeddings: clusteredVectors(1, WIDTH) });
        const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
        expect(await refusal(() => shrink.start({ index: 'none', codec }))).toMatch(
          new RegExp(`^STORE_EXISTS: .*docs_${suffix}.*another name`),
        );
        await pool.query('delete from docs where id = 1');
        expect(await shrink.rollback()).toMatchObject({ found: false });
        expect(await other.size()).toBe(1);
        await other.drop();
      }
      await pool.query('drop table docs');
    });

    test('what is no store of nestbit keeps its name too: a view, a function', async () => {
      await makeTable(pool, 'papers', 40);
      await pool.query('create schema if not exists nestbit');
      const shrink = new Shrink(pool, { table: 'papers', column: 'embedding' });
      for (const [create, drop, taken] of [
        ['view nestbit.papers_codes as select 1 as one', 'view nestbit.papers_codes', 'papers_codes'],
        [
          `function nestbit.papers_find(bit, integer) returns int language sql as 'select 1'`,
          'function nestbit.papers_find(bit, integer)',
          'papers_find',
        ],
        [
          `function nestbit.papers_changed() returns int language sql as 'select 1'`,
          'function nestbit.papers_changed()',
          'papers_changed',
        ],
      ]) {
        await pool.query(`create ${create}`);
        expect(await refusal(() => shrink.start({ index: 'none', codec }))).toMatch(
          new RegExp(`^STORE_EXISTS: .*${taken}`),
        );
        await shrink.rollback();
        await pool.query(`drop ${drop}`);
      }
      await pool.query('drop table papers');
    });

    test('a store that would take a name of a followed table is refused', async () => {
      await followedTable(pool, 'notes', 40);
      for (const suffix of DERIVED)
        expect(await refusal(() => PgStore.create(pool, { name: `notes_${suffix}`, codec }))).toMatch(
          /^STORE_EXISTS: .*notes/,
        );
      // The other way round: the new store's own tables would be those of a followed one.
      await pool.query('create table nestbit.early_seq (id int)');
      expect(await refusal(() => PgStore.create(pool, { name: 'early', codec }))).toMatch(
        /^STORE_EXISTS: .*early_seq/,
      );
      await pool.query('drop table nestbit.early_seq');
      await pool.query('delete from notes where id = 1');
      const { worker } = await openWorker(pool, 'notes');
      expect(await worker.drain()).toMatchObject({ removed: 1 });
      await new Shrink(pool, { table: 'notes', column: 'embedding' }).rollback();
      await pool.query('drop table notes');
    });

    test('two long names on one table have triggers of their own, and so have two schemas', async () => {
      await makeTable(pool, 'long', 40);
      await pool.query('alter table long add e2 real[]; update long set e2 = embedding');
      const stores = [
        { name: 'support_ticket_openai_small_embedding_binary_quant_v2', column: 'embedding' },
        { name: 'support_ticket_cohere_v3en_embedding_binary_quant_v2', column: 'e2' },
        { name: 'short', column: 'embedding' },
        { name: 'short', column: 'embedding', schema: 'other' },
        // As long as a store's name may be: nothing of it is cut off.
        { name: `${'n'.repeat(57)}1`, column: 'embedding' },
        { name: `${'n'.repeat(57)}2`, column: 'e2' },
        { name: 'ü'.repeat(28), column: 'e2' },
      ].map((one) => ({ ...one, shrink: new Shrink(pool, { table: 'long', ...one }) }));
      for (const { shrink } of stores) await shrink.start({ index: 'none', codec });
      await pool.query('update long set embedding = $1, e2 = $1 where id = 1', [freshLiteral(3, 'real[]')]);
      await pool.query('delete from long where id = 3');
      for (const { name: store, shrink, schema } of stores) {
        const { worker } = await openWorker(pool, store, schema === undefined ? {} : { schema });
        expect(await worker.drain()).toMatchObject({ written: 1, removed: 1 });
        expect(await shrink.verify({ queries: 0 })).toMatchObject({
          ok: true,
          parity: { rows: 39, pending: 0 },
        });
        await shrink.cutover();
      }
      expect(await wrongCodes(pool, 'long', 'short')).toEqual([]);
      for (const { shrink } of stores) expect(await shrink.rollback()).toMatchObject({ store: 'dropped' });
      const left = await pool.query(`select tgname from pg_trigger where tgrelid = 'long'::regclass`);
      expect(left.rows).toEqual([]);
      await pool.query('drop table long');
    });

    test('a store that follows a table is not dropped under it', async () => {
      await followedTable(pool, 'kept', 40);
      const store = await PgStore.open(pool, { name: 'kept' });
      expect(await refusal(() => store.drop())).toMatch(/^UNSUPPORTED: .*kept.*shrink rollback/);
      await pool.query('delete from kept where id = 1');
      const again = await PgStore.open(pool, { name: 'kept' });
      expect(await again.size()).toBe(39);
      const { worker } = await openWorker(pool, 'kept');
      await worker.drain();
      expect(await wrongCodes(pool, 'kept', 'kept')).toEqual([]);
      await new Shrink(pool, { table: 'kept', column: 'embedding' }).rollback();
      await pool.query('drop table kept');
    });
  });
}
