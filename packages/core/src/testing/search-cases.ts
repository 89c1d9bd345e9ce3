import { deepEqual, equal, ok } from 'node:assert/strict';
import { MemoryStore } from '../memory/memory-store.ts';
import type { Batch, Hit, SearchOptions, Store } from '../store/store.ts';
import type { ContractCase, ContractSetup } from './contract.ts';
import { embeddings, sample, WIDTH } from './data.ts';
import { misused, refused } from './expect.ts';

/**
 * Compares a store's hits with those of a memory store that was given the same rows in the same order: with a
 * floor of 1 they are equal, below it so many of the oracle's are found, with equal scores.
 */
export async function sameAsOracle(
  store: Store,
  rows: Batch,
  options: SearchOptions,
  floor: number,
): Promise<void> {
  const oracle = new MemoryStore({ codec: store.codec });
  await oracle.upsert(rows);
  const queries = embeddings(12, 555);
  const expected = await oracle.search(queries, options);
  const actual = await store.search(queries, options);
  await oracle.close();
  if (floor === 1) return deepEqual(actual, expected);
  equal(actual.length, expected.length);
  let found = 0;
  let wanted = 0;
  for (const [query, hits] of actual.entries()) {
    equal(hits.length, expected[query].length, `query ${query} returned ${hits.length} hits`);
    checkOrder(hits);
    const scores = new Map(expected[query].map((hit) => [hit.id, hit.score]));
    wanted += scores.size;
    for (const hit of hits) {
      const score = scores.get(hit.id);
      if (score === undefined) continue;
      found++;
      equal(hit.score, score, `score of ${String(hit.id)}`);
    }
  }
  ok(found >= floor * wanted, `found ${found} of the oracle's ${wanted} hits`);
}

function checkOrder(hits: Hit[]): void {
  for (const [place, hit] of hits.entries())
    ok(place === 0 || hits[place - 1].score >= hit.score, 'best first');
  equal(new Set(hits.map((hit) => hit.id)).size, hits.length, 'no hit comes twice');
}

export function searchCases({ codec, id, recallFloor, withStore }: ContractSetup): ContractCase[] {
  return [
    {
      name: 'hits and scores are those of the oracle',
      run: () =>
        withStore(async (store) => {
          const rows = sample(3000, id);
          await store.upsert(rows);
          await sameAsOracle(store, rows, {}, recallFloor);
          await sameAsOracle(store, rows, { k: 1, oversample: 4 }, recallFloor);
          await sameAsOracle(store, rows, { k: 25, oversample: 2.5, prefilter: 400 }, recallFloor);
          await sameAsOracle(store, rows, { k: 100, oversample: 1, prefilter: 100 }, recallFloor);
        }),
    },
    {
      name: 'queries and rows are also taken as arrays of numbers, and searchOne takes one query',
      run: () =>
        withStore(async (store) => {
          const { ids } = sample(40, id);
          const x = embeddings(40, 21);
          const width = x.length / 40;
          const rows = Array.from({ length: 40 }, (_, row) => x.slice(row * width, (row + 1) * width));
          await store.upsert({ ids, embeddings: rows.map((row) => [...row]) });
          const expected = await store.search(x.slice(0, 2 * width), { k: 5 });
          equal(expected[0][0].id, ids[0]);
          deepEqual(await store.search([[...rows[0]], [...rows[1]]], { k: 5 }), expected);
          deepEqual(await store.search([rows[0], rows[1]], { k: 5 }), expected);
          deepEqual(await store.search([...rows[1]], { k: 5 }), [expected[1]]);
          for (const query of [rows[1], [...rows[1]]])
            deepEqual(await store.searchOne(query, { k: 5 }), expected[1]);
          await refused(store.searchOne(x.slice(0, 2 * width)), 'BATCH_SHAPE');
          await refused(store.search([rows[0], rows[1].slice(1)]), 'BATCH_SHAPE', /Row 1/);
          await refused(store.search([]), 'BATCH_EMPTY');
          await refused(store.search([Number.NaN, ...rows[0].slice(1)]), 'VECTOR_NOT_FINITE');
          await misused(store.search([[...rows[0].slice(1), null]] as never), 'value');
          await refused(store.upsert({ ids: ids.slice(0, 2), embeddings: [rows[0], []] }), 'BATCH_SHAPE');
          equal(await store.size(), 40);
        }),
    },
    {
      name: 'many queries in one call are each query alone',
      run: () =>
        withStore(async (store) => {
          await store.upsert(sample(500, id));
          const queries = embeddings(7, 6);
          const together = await store.search(queries, { k: 5 });
          for (let query = 0; query < 7; query++) {
            const alone = await store.search(queries.subarray(query * WIDTH, (query + 1) * WIDTH), { k: 5 });
            deepEqual(alone, [together[query]]);
          }
        }),
    },
    {
      name: 'k beyond the rows gives all of them, and an empty store none',
      run: () =>
        withStore(async (store) => {
          deepEqual(await store.search(embeddings(2, 1), {}), [[], []]);
          await store.upsert(sample(30, id));
          const [hits] = await store.search(embeddings(1, 1), { k: 100 });
          equal(hits.length, 30);
          checkOrder(hits);
        }),
    },
    {
      name: 'payloads come with the hits when asked for',
      run: () =>
        withStore(async (store) => {
          const rows = sample(30, id);
          await store.upsert(rows);
          const query = rows.embeddings.subarray(4 * WIDTH, 5 * WIDTH);
          const [[hit]] = await store.search(query, { k: 1, payloads: true });
          deepEqual([hit.id, hit.payload], [id(4), rows.payloads[4]]);
          const [[bare]] = await store.search(query, { k: 1 });
          equal('payload' in bare, false);
        }),
    },
    {
      name: 'numbers out of their limits, foreign widths and empty queries are refused',
      run: () =>
        withStore(async (store) => {
          await store.upsert(sample(20, id));
          const query = embeddings(1, 1);
          for (const options of [
            { k: 0 },
            { k: -1 },
            { k: 1.5 },
            { k: 10_001 },
            { k: Number.NaN },
            { oversample: 0.5 },
            { k: 10, prefilter: 9 },
            { prefilter: 10_000_001 },
            { prefilter: 200.5 },
            { k: 10_000, oversample: 100.5 },
            { oversample: Number.POSITIVE_INFINITY },
          ]) {
            await refused(store.search(query, options), 'SEARCH_LIMIT');
          }
          // The largest of all are no error.
          const most = { k: 10_000, oversample: 100, prefilter: 10_000_000 };
          equal((await store.search(query, most))[0].length, 20);
          await refused(store.search(new Float32Array(0)), 'BATCH_EMPTY');
          await refused(store.search(query.subarray(1)), 'BATCH_SHAPE');
          await refused(store.search(new Float32Array(codec.inputDimensions)), 'VECTOR_ZERO');
          const many = embeddings(40, 1);
          many[33 * codec.inputDimensions] = Number.NaN;
          await refused(store.search(many), 'VECTOR_NOT_FINITE', /row 33/);
        }),
    },
    {
      name: 'options of a wrong type are a TypeError that names them',
      run: () =>
        withStore(async (store) => {
          await store.upsert(sample(5, id));
          for (const [name, value] of [
            ['k', '10'],
            ['k', 10n],
            ['oversample', null],
            ['prefilter', {}],
            ['filter', 'half = true'],
            ['filter', new Map([['half', true]])],
            ['payloads', 'no'],
            ['signal', {}],
          ] as const) {
            await misused(store.search(embeddings(1, 1), { [name]: value } as SearchOptions), name);
          }
          await misused(store.search('1, 2' as never), 'Float32Array');
          await misused(store.search(['1', '2'] as never), 'Float32Array');
        }),
    },
    {
      name: 'an aborted call is refused and changes nothing',
      run: () =>
        withStore(async (store) => {
          await store.upsert(sample(2000, id));
          const signal = AbortSignal.abort();
          await refused(store.search(embeddings(1, 1), { signal }), 'ABORTED');
          await refused(store.upsert({ ids: [id(1)], embeddings: embeddings(1, 9) }, { signal }), 'ABORTED');
          await refused(store.delete([id(1)], { signal }), 'ABORTED');
          await refused(store.get([id(1)], { signal }), 'ABORTED');
          equal(await store.size(), 2000);
          const during = new AbortController();
          const search = store.search(embeddings(200, 2), { signal: during.signal });
          setImmediate(() => during.abort());
          // It may have ended before the abort came; then its hits are whole.
          const outcome = await search.catch((error: { code?: string }) => error);
          if (Array.isArray(outcome)) equal(outcome.length, 200);
          else equal(outcome.code, 'ABORTED');
          equal((await store.search(embeddings(1, 1)))[0].length, 10);
        }),
    },
  ];
}
