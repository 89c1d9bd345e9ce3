import { type Codec, calibrate } from '@nestbit/core';
import { ClusteredVectors } from '@nestbit/core/testing';
import { PgStore, Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { literalOf } from '../support/shrink-table.ts';

const WIDTH = 64;
const ROWS = 1200;
const QUERIES = 8;
const K = 10;

const stream = new ClusteredVectors(WIDTH, 16, 5);
const queries = stream.take(QUERIES);
const docs = stream.take(ROWS);

/** Cosines with all rows, best first: the definition, in float64. */
function exactHits(query: number, left: ReadonlySet<number> = new Set()): { id: bigint; score: number }[] {
  const hits: { id: bigint; score: number }[] = [];
  for (let row = 0; row < ROWS; row++) {
    if (left.has(row)) continue;
    let [product, own, other] = [0, 0, 0];
    for (let i = 0; i < WIDTH; i++) {
      const [a, b] = [queries[query * WIDTH + i], docs[row * WIDTH + i]];
      product += a * b;
      own += a * a;
      other += b * b;
    }
    hits.push({ id: BigInt(row), score: product / Math.sqrt(own * other) });
  }
  return hits.sort((a, b) => b.score - a.score);
}

for (const postgres of everyPostgres()) {
  describe(`floats on ${postgres.name}`, () => {
    let database: Database;
    let codec: Codec;
    let types: string[];
    beforeAll(async () => {
      if (postgres.why !== undefined) return;
      database = await postgres.open();
      // The codes are narrower than the embeddings, and without copies: what a search can find is in the floats.
      codec = (await calibrate([docs], { inputDimensions: WIDTH, dimensions: 48 })).codec({ copy: 'none' });
      types = database.pgvector ? [`vector(${WIDTH})`, 'real[]'] : ['real[]', 'double precision[]'];
      for (const [number, type] of types.entries()) {
        await database.pool.query(
          `create table docs_${number} (id integer primary key, title text, embedding ${type})`,
        );
        for (let row = 0; row < ROWS; row += 400) {
          const values = Array.from({ length: 400 }, (_, i) =>
            literalOf(docs.subarray((row + i) * WIDTH, (row + i + 1) * WIDTH), type),
          );
          await database.pool.query(
            `insert into docs_${number} select $1 + n - 1, 'Title ' || $1 + n - 1, v::${type} from unnest($2::text[]) with ordinality u(v, n)`,
            [row, values],
          );
        }
        const store = await attach(number);
        await store.upsert({ ids: Array.from({ length: ROWS }, (_, row) => BigInt(row)), embeddings: docs });
        if (database.pgvector) await store.buildIndex();
      }
    });
    afterAll(async () => {
      await database?.close();
    });
    const attach = (number: number, embedding = 'embedding'): Promise<PgStore> =>
      PgStore.attach(database.pool, {
        codec,
        table: `docs_${number}`,
        id: 'id',
        columns: ['title'],
        embedding,
      });

    test('the embeddings of the table order the best hits, and their cosines are the scores', async (context) => {
      context.skip(postgres.why !== undefined, postgres.why);
      for (const number of types.keys()) {
        const store = await attach(number);
        // As many as there are: exact search.
        const all = await store.search(queries, { k: K, floats: 100, exact: true });
        for (const [query, hits] of all.entries()) expect(hits).toEqual(exactHits(query).slice(0, K));
        const share = (found: readonly (readonly { id: unknown }[])[]): number =>
          found.flatMap((hits, query) => {
            const wanted = new Set(
              exactHits(query)
                .slice(0, K)
                .map(({ id }) => id),
            );
            return hits.filter(({ id }) => wanted.has(id as bigint));
          }).length /
          (QUERIES * K);
        const three = await store.search(queries, { k: K, floats: 3, payloads: true });
        expect(three.map((hits) => hits.length)).toEqual(Array(QUERIES).fill(K));
        expect(three[0][0].payload).toEqual({ title: `Title ${three[0][0].id}` });
        expect(share(three)).toBeGreaterThan(share(await store.search(queries, { k: K })));
        expect(three[1][0].score).toBe(exactHits(1).find(({ id }) => id === three[1][0].id)?.score);
        const [single] = await store.search(queries.subarray(0, WIDTH), {
          k: 1,
          oversample: 1,
          prefilter: 1,
          floats: 20,
        });
        expect(single).toHaveLength(1);
        const filtered = await store.search(queries.subarray(0, WIDTH), {
          k: 2,
          floats: 2,
          filter: { title: 'Title 7' },
        });
        expect(filtered[0].map(({ id }) => id)).toEqual([7n]);
      }
    });

    test('rows whose embedding is gone or cannot be read are left out', async (context) => {
      context.skip(postgres.why !== undefined, postgres.why);
      const store = await attach(0);
      const [first, second] = exactHits(0);
      await database.pool.query('update docs_0 set embedding = null where id = $1', [first.id]);
      const [hits] = await store.search(queries.subarray(0, WIDTH), { k: K, floats: 100, exact: true });
      expect(hits).toHaveLength(K);
      expect(hits[0]).toEqual(second);
    });

    test('a migrated table needs no option to know its column; what cannot be is refused', async (context) => {
      context.skip(postgres.why !== undefined, postgres.why);
      const { pool } = database;
      const query = queries.subarray(0, WIDTH);
      await new Shrink(pool, { table: 'docs_1', column: 'embedding', name: 'shrunk' }).start({
        copy: 'int4',
      });
      const store = await PgStore.open(pool, { name: 'shrunk' });
      expect((await store.search(query, { floats: 3, k: 5 }))[0]).toEqual(exactHits(0).slice(0, 5));
      // A failed statement ends the connection of PGlite.
      if (database.url !== undefined) {
        await pool.query('alter table docs_1 rename column embedding to vector');
        expect((await store.search(query, { floats: 3, k: 5 }))[0]).toEqual(exactHits(0).slice(0, 5));
        await pool.query('alter table docs_1 rename column vector to embedding');
      }

      const alone = await PgStore.create(pool, { name: 'alone', codec });
      expect(await refusal(() => alone.search(query, { floats: 3 }))).toMatch(/^UNSUPPORTED: .*attached/);
      const unnamed = await PgStore.attach(pool, { codec, table: 'docs_0', id: 'id' });
      expect(await refusal(() => unnamed.search(query, { floats: 3 }))).toMatch(
        /^UNSUPPORTED: .*give embedding/,
      );
      expect(await refusal(() => attach(0, 'no such'))).toMatch(/^COLUMN_NOT_FOUND/);
      const titles = await attach(0, 'title');
      expect(await refusal(() => titles.search(query, { floats: 3 }))).toMatch(/^UNSUPPORTED: .*text/);
      for (const floats of [0, 101, Number.NaN, '3'])
        await expect(store.search(query, { floats: floats as number })).rejects.toThrow(RangeError);
    });

    test('they come in the round trip of the payloads', async (context) => {
      context.skip(postgres.why !== undefined, postgres.why);
      const store = await attach(0);
      const options = { k: 5, oversample: 20, payloads: true, floats: 3 };
      await store.search(queries, options);
      const asked = vi.spyOn(pg.Client.prototype, 'query');
      await store.search(queries.subarray(0, WIDTH), options);
      const trips = asked.mock.calls.length;
      asked.mockRestore();
      expect(trips).toBe(2);
    });
  });
}
