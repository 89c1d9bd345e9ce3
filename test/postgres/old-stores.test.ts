import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryStore, type Store } from '@nestbit/core';
import { PgStore, Shrink, SyncWorker } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { refusal } from '../support/files.ts';
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
        const way =
          name === 'docs' ? /shrink start --table old_docs --store docs_3/ : /ingest the embeddings/;
        expect((await store.stats()).codec.advice).toMatch(way);
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

    test('a migrated table moves to a new codec while it is written and searched', async (context) => {
      const own = pool(context);
      await own.query('create table moved as select * from old_docs');
      await own.query('alter table moved add primary key (id)');
      const target = { table: 'moved', column: 'embedding' };
      const { codec } = await PgStore.open(own, { name: 'docs' });
      await new Shrink(own, target).start({ codec });
      const next = new Shrink(own, { ...target, name: 'moved_3' });
      let moving = true;
      const writing = (async (): Promise<void> => {
        for (let row = 0; moving; row = (row + 7) % 120) {
          await own.query(
            'update moved set embedding = (select embedding from old_docs where id = $2) where id = $1',
            [row, (row + 3) % 120],
          );
          // PGlite answers within this thread: other work gets its turn here.
          await sleep(2);
        }
      })();
      await next.start({ dimensions: 64, copy: 'int8' });
      moving = false;
      await writing;
      for (const store of ['moved', 'moved_3']) {
        const worker = await SyncWorker.open(own, { store });
        await worker.drain();
        await worker.stop();
      }
      for (const shrink of [new Shrink(own, target), next])
        expect(await shrink.verify({ queries: 0 })).toMatchObject({
          ok: true,
          parity: { rows: 120, pending: 0 },
        });
      const before = await PgStore.open(own, { name: 'moved' });
      const after = await PgStore.open(own, { name: 'moved_3' });
      expect(await refusal(async () => after.upsert((await before.rows().next()).value))).toMatch(
        /^CODEC_MISMATCH/,
      );
      expect((await next.status()).codec.advice).toBeUndefined();
      await new Shrink(own, target).rollback();
      expect(await next.verify({ queries: 5 })).toMatchObject({ ok: true, parity: { rows: 120 } });
      const query = Float32Array.from(OLD['docs'].queries.slice(0, 96));
      expect((await after.search(query, { k: 5 }))[0]).toHaveLength(5);
      await next.rollback();
    });

    test('a migrated table is verified, follows its table, is cut over and taken back', async (context) => {
      const shrink = new Shrink(pool(context), { table: 'old_docs', column: 'embedding', name: 'docs' });
      expect(await shrink.status()).toMatchObject({
        phase: 'ready',
        codec: { copy: 'calibrated', advice: expect.stringContaining('--store docs_3') },
      });
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
