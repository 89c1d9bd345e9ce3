import { readFileSync } from 'node:fs';
import { MemoryStore, type Store } from '@nestbit/core';
import { PgStore, Shrink, SyncWorker } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';

/** Made by test/fixtures/old-postgres/make.js with the code of that time. */
const read = (name: string): string =>
  readFileSync(new URL(`../fixtures/old-postgres/${name}`, import.meta.url), 'utf8');

interface Old {
  readonly fingerprint: string;
  readonly width: number;
  readonly queries: readonly number[];
  readonly searches: readonly {
    readonly options: { readonly k?: number; readonly oversample?: number; readonly prefilter?: number };
    readonly hits: readonly (readonly { readonly id: string; readonly score: number }[])[];
    readonly refined: readonly (readonly string[])[];
  }[];
}

const OLD: Record<string, Old> = JSON.parse(read('hits.json'));

for (const postgres of everyPostgres()) {
  describe(`stores of codecs 1 and 2 on ${postgres.name}`, () => {
    let database: Database;
    beforeAll(async () => {
      if (postgres.why !== undefined) return;
      database = await postgres.open();
      await database.pool.query(read('store.sql'));
    });
    afterAll(async () => {
      await database?.close();
    });
    const pool = (context: TestContext): Database['pool'] => {
      context.skip(postgres.why !== undefined, postgres.why);
      return database.pool;
    };

    for (const [name, old] of Object.entries(OLD)) {
      test(`${name} gives the hits and scores that it gave, and so does a copy`, async (context) => {
        const store = await PgStore.open(pool(context), { name });
        expect(store.codec.fingerprint).toBe(old.fingerprint);
        await expectHits(store, old);
        const memory = new MemoryStore({ codec: store.codec });
        const copy = await PgStore.create(pool(context), {
          name: `${name}_copy`,
          codec: store.codec,
          idType: store.idType,
        });
        for await (const batch of store.rows({ batchRows: 50 })) {
          await memory.upsert(batch);
          await copy.upsert(batch);
        }
        await expectHits(memory, old);
        await expectHits(copy, old);
        const [first] = await memory.get(['wide', 'docs'].includes(name) ? [3n] : ['row 003']);
        const [same] = await store.get(['wide', 'docs'].includes(name) ? [3n] : ['row 003']);
        expect({ ...same, payload: undefined }).toEqual({ ...first, payload: undefined });
      });
    }

    test('an index is built on an old store, which searches through it', async (context) => {
      const store = await PgStore.open(pool(context), { name: 'mapped_copy' });
      context.skip(!database.pgvector, 'needs pgvector, which this server does not have');
      await store.buildIndex();
      const { queries, width, searches } = OLD['mapped'];
      const query = Float32Array.from(queries.slice(0, width));
      expect(await store.explain(query)).toMatchObject({ plan: 'hnsw' });
      const [hits] = await store.search(query, { k: 3 });
      expect(hits).toEqual(searches[0].hits[0].slice(0, 3));
    });

    test('a migrated table is verified, follows its table, is cut over and taken back', async (context) => {
      const shrink = new Shrink(pool(context), { table: 'old_docs', column: 'embedding', name: 'docs' });
      expect(await shrink.status()).toMatchObject({ phase: 'ready' });
      expect(await shrink.verify({ queries: 5 })).toMatchObject({
        ok: true,
        parity: { rows: 120, right: 119, nulls: 1 },
      });
      await pool(context).query(
        'update old_docs set embedding = (select embedding from old_docs where id = 3) where id = 17',
      );
      await pool(context).query('delete from old_docs where id = 5');
      const worker = await SyncWorker.open(pool(context), { store: 'docs' });
      await worker.drain();
      await worker.stop();
      expect(await shrink.verify({ queries: 0 })).toMatchObject({
        ok: true,
        parity: { rows: 119, right: 119 },
      });
      await pool(context).query(`update nestbit.docs set int8 = int8 || '\\x00' where id = 9`);
      expect((await shrink.verify({ queries: 0 })).parity.faults).toEqual([{ id: '9', kind: 'wrong int8' }]);
      const { search, view } = await shrink.cutover();
      const found = await pool(context).query(
        `select f.id, f.int8 = v.int8 as same from ${view} v, ${search}(v.bits, 2) f where v.id = 42`,
      );
      expect(found.rows[0]).toEqual({ id: '42', same: true });
      expect(await shrink.rollback()).toMatchObject({ found: true });
    });
  });
}

async function expectHits(store: Store & Pick<PgStore, 'candidates'>, old: Old): Promise<void> {
  const queries = Float32Array.from(old.queries);
  for (const { options, hits, refined } of old.searches) {
    const found = await store.search(queries, options);
    expect(found.map((list) => list.map(({ id, score }) => ({ id: String(id), score })))).toEqual(hits);
    const candidates = await store.candidates(queries, options);
    // Their order may differ where all of them are rescored.
    expect(candidates.map((one) => one.refined.map(String).sort())).toEqual(refined);
  }
}
