import { type CodecOptions, calibrate, type Hit, MemoryStore } from '@nestbit/core';
import { ClusteredVectors } from '@nestbit/core/testing';
import { type PgSearchOptions, PgStore } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';

const WIDTH = 64;
/** More than a batch that goes by statements has. */
const ROWS = 1100;
const QUERIES = 4;
const COPIES = ['int8', 'int4', 'int16', 'none', 'calibrated'] as const;
/** Ways of a search: one round trip, copies by a second one, no bit score, payloads, a filter. */
const SEARCHES: readonly PgSearchOptions[] = [
  {},
  { k: 5, oversample: 4, prefilter: 40 },
  { k: 20, oversample: 2, prefilter: 40 },
  { k: 5, oversample: 4, prefilter: 500 },
  { k: 5, oversample: 4, prefilter: 40, payloads: true },
  { k: 5, oversample: 4, prefilter: 60, filter: { half: true } },
];

/** Embeddings that share a direction, as those of many models do: their mean cosine is about .8. */
function anisotropic(stream: ClusteredVectors, width: number, rows: number): Float32Array {
  const out = stream.take(rows);
  for (let at = 0; at < out.length; at++) out[at] += at % width < width / 2 ? 2 / Math.sqrt(width / 2) : 0;
  return out;
}

for (const postgres of everyPostgres()) {
  describe(`copies on ${postgres.name}`, () => {
    let database: Database;
    beforeAll(async () => {
      if (postgres.why === undefined) database = await postgres.open();
    });
    afterAll(async () => {
      await database?.close();
    });

    async function made(
      context: TestContext,
      name: string,
      options: CodecOptions,
      width: number,
      rows: number,
    ): Promise<{ store: PgStore; memory: MemoryStore; queries: Float32Array }> {
      context.skip(postgres.why !== undefined, postgres.why);
      const stream = new ClusteredVectors(width, 20, 3);
      const queries = anisotropic(stream, width, QUERIES);
      const embeddings = anisotropic(stream, width, rows);
      const codec = (await calibrate([embeddings], { inputDimensions: width })).codec(options);
      const memory = new MemoryStore({ codec });
      const store = await PgStore.create(database.pool, { name, codec, idType: 'bigint' });
      const ids = Array.from({ length: rows }, (_, row) => BigInt(row));
      const payloads = ids.map((id) => ({ half: id % 2n === 0n }));
      // All at once by COPY, then some again by statements.
      const some = {
        ids: ids.slice(0, 40),
        embeddings: embeddings.slice(0, 40 * width),
        payloads: payloads.slice(0, 40),
      };
      for (const one of [store, memory]) {
        await one.upsert({ ids, embeddings, payloads });
        await one.upsert(some);
      }
      return { store, memory, queries };
    }

    for (const copy of COPIES) {
      test(`${copy}: codes, hits and scores are those of the memory store, by a scan and through an index`, async (context) => {
        const { store, memory, queries } = await made(context, copy, { copy }, WIDTH, ROWS);
        const { codec } = store;
        const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row));
        expect(await store.get(ids)).toEqual(await memory.get(ids));
        for (const options of SEARCHES) {
          expect(await store.search(queries, { ...options, exact: true })).toEqual(
            await memory.search(queries, options),
          );
        }
        const other = new MemoryStore({ codec });
        for await (const batch of store.rows({ batchRows: 700 })) await other.upsert(batch);
        expect(await other.get(ids)).toEqual(await memory.get(ids));
        if (!database.pgvector) return;
        await store.buildIndex();
        const known = new Map<string, number>();
        const all = await memory.search(queries, { k: ROWS, oversample: 1, prefilter: ROWS });
        for (const [query, hits] of all.entries())
          for (const { id, score } of hits) known.set(`${query} ${id}`, score);
        for (const options of SEARCHES) {
          expect(await store.explain(queries.subarray(0, WIDTH), options)).toMatchObject({ plan: 'hnsw' });
          const found = await store.search(queries, options);
          expect(found.map((hits) => hits.length)).toEqual(Array(QUERIES).fill(options.k ?? 10));
          expect(wrongScores(found, known)).toEqual([]);
        }
      });
    }

    test('wide rows keep bits and scalars in a table of their own', async (context) => {
      for (const [name, copy, width] of [
        ['wide', 'int8', 1704],
        ['wider', 'int16', 960],
        ['narrow', 'none', 1704],
      ] as const) {
        const { store, memory, queries } = await made(context, name, { copy }, width, 100);
        const { rows } = await database.pool.query(`select to_regclass($1) is not null as split`, [
          `nestbit.${name}_bits`,
        ]);
        expect(rows[0].split).toBe(copy !== 'none');
        const ids = Array.from({ length: 100 }, (_, row) => BigInt(row));
        expect(await store.get(ids)).toEqual(await memory.get(ids));
        for (const options of SEARCHES) {
          expect(await store.search(queries, { ...options, exact: true })).toEqual(
            await memory.search(queries, options),
          );
        }
        expect(await store.delete([3n, 4n])).toBe(2);
        await memory.delete([3n, 4n]);
        expect(await store.search(queries, { exact: true })).toEqual(await memory.search(queries));
      }
    });

    test('a row takes the columns that its copy needs and no others', async (context) => {
      context.skip(postgres.why !== undefined, postgres.why);
      const { rows } = await database.pool.query<{ name: string; columns: string }>(
        `select c.relname as name, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum) as columns
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
         where c.relnamespace = 'nestbit'::regnamespace and c.relkind = 'r' and c.relname in ('int8', 'none', 'calibrated', 'wide', 'wide_bits')
         group by c.relname order by c.relname`,
      );
      expect(Object.fromEntries(rows.map((row) => [row.name, row.columns]))).toEqual({
        int8: 'id bigint, seq bigint, bits bit(64), scalars smallint, copy bytea, payload jsonb',
        none: 'id bigint, seq bigint, bits bit(64), scalars smallint, payload jsonb',
        calibrated: 'id bigint, seq bigint, bits bit(64), scalars smallint, int8 bytea, payload jsonb',
        wide: 'id bigint, seq bigint, copy bytea, payload jsonb',
        wide_bits: 'id bigint, seq bigint, bits bit(1704), scalars smallint',
      });
    });
  });
}

function wrongScores(found: readonly Hit[][], known: ReadonlyMap<string, number>): string[] {
  return found.flatMap((hits, query) =>
    hits.flatMap(({ id, score }) =>
      known.get(`${query} ${id}`) === score ? [] : [`${query} ${id} ${score}`],
    ),
  );
}
