import { deepEqual, equal } from 'node:assert/strict';
import type { Id } from '../codec/types.ts';
import type { Filter } from '../store/filter.ts';
import type { Payload } from '../store/payload.ts';
import type { ContractCase, ContractSetup } from './contract.ts';
import { embeddings, sample } from './data.ts';
import { refused } from './expect.ts';
import { sameAsOracle } from './search-cases.ts';

/** Filters with the rows they select, written once more by hand. */
const filters: [Filter, (payload: Payload & { row: number }) => boolean][] = [
  [{ half: true }, ({ half }) => half === true],
  [{ percent: 'yes' }, ({ percent }) => percent === 'yes'],
  [{ rare: 'only' }, ({ row }) => row === 1234],
  [{ rare: null }, ({ row }) => row !== 1234],
  [{ third: null }, ({ row }) => row % 3 !== 0],
  [{ third: { ne: 6 } }, ({ row }) => row !== 6],
  [{ third: { ne: null } }, ({ row }) => row % 3 === 0],
  [{ row: { gte: 10, lt: 20 } }, ({ row }) => row >= 10 && row < 20],
  [{ row: { gt: 10, lte: 20 }, half: false }, ({ row }) => row > 10 && row <= 20 && row % 2 === 1],
  [{ row: { in: [5, 7, 9, '11', 99999] } }, ({ row }) => [5, 7, 9].includes(row)],
  [{ row: { in: [] } }, () => false],
  [{ row: '5' }, () => false],
  [{ row: { gte: 'a' } }, () => false],
  [{ half: { gte: 0 } }, () => false],
  [{ word: '' }, ({ word }) => word === ''],
  [{ word: { in: ['zebra', '\u{1F600}'] } }, ({ word }) => word === 'zebra' || word === '\u{1F600}'],
  // By code point U+1F600 comes after U+FF5E; by UTF-16 unit it would come before.
  [{ word: { gt: '\uFF5E' } }, ({ word }) => word === '\u{1F600}'],
  [{ word: { lt: 'Ä' } }, ({ word }) => word === 'zebra' || word === ''],
  [{ nested: null }, () => false],
  [{ nested: { ne: 'x' } }, () => true],
  [{ tags: { contains: 'even' } }, ({ row }) => row % 2 === 0],
  [{ tags: { contains: 5 } }, ({ row }) => row % 7 === 5],
  [{ tags: { contains: '5' } }, () => false],
  [{ tags: { contains: null } }, ({ row }) => row % 5 === 0],
  [{ 'nested.deep': { contains: 12 } }, ({ row }) => row === 12],
  [{ 'nested.name': 'n3' }, ({ row }) => row % 10 === 3],
  [{ 'nested.name': { in: ['n3', 'n4'] } }, ({ row }) => row % 10 === 3 || row % 10 === 4],
  [{ 'nested.count': { gte: 1490 } }, ({ row }) => row >= 1490],
  [{ 'nested.none': null }, () => true],
  // An array has no names, and text has no fields.
  [{ 'tags.0': null, 'word.length': null }, () => true],
  // A field of this whole name goes before a path.
  [{ 'nested.own': 'whole' }, ({ row }) => row % 4 === 0],
  [{ 'nested.own': 'path' }, ({ row }) => row % 4 !== 0],
  [{ or: [{ row: 3 }, { row: { gte: 1498 } }] }, ({ row }) => row === 3 || row >= 1498],
  [{ or: [] }, () => false],
  [{ or: [{}] }, () => true],
  [{ half: true, or: [{ row: 3 }, { row: 4 }, { third: 6 }] }, ({ row }) => row === 4 || row === 6],
  [{ not: { half: true } }, ({ row }) => row % 2 === 1],
  [{ not: {} }, () => false],
  // A missing field passes neither a range nor its opposite by accident: `not` is whatever does not pass.
  [{ not: { third: { gte: 9 } } }, ({ row }) => row % 3 !== 0 || row < 9],
  [{ not: { or: [{ half: true }, { row: { lt: 1495 } }] } }, ({ row }) => row >= 1495 && row % 2 === 1],
  [{ and: [{ tags: { contains: 'even' } }, { tags: { contains: 3 } }] }, ({ row }) => row % 14 === 10],
  [{ not: { not: { row: 8 } } }, ({ row }) => row === 8],
];

export function filterCases({ id, recallFloor, withStore }: ContractSetup): ContractCase[] {
  return [
    {
      name: 'every operator selects the rows that it says',
      run: () =>
        withStore(async (store) => {
          const rows = sample(1500, id);
          await store.upsert(rows);
          for (const [filter, passes] of filters) {
            const expected = rows.payloads.flatMap((payload, row) =>
              passes(payload as Payload & { row: number }) ? [String(id(row))] : [],
            );
            const [hits] = await store.search(embeddings(1, 4), {
              k: 1500,
              oversample: 1,
              prefilter: 1500,
              filter,
            });
            deepEqual(hits.map((hit) => String(hit.id)).sort(), expected.sort(), JSON.stringify(filter));
          }
        }),
    },
    {
      name: 'under filters of 50 %, 1 % and 0.01 % hits are the oracle’s, k of them wherever k exist',
      run: () =>
        withStore(async (store) => {
          const rows = sample(10_000, id);
          await store.upsert(rows);
          const filters = [{ half: true }, { percent: 'yes' }, { rare: 'only' }];
          for (const filter of filters) await sameAsOracle(store, rows, { filter }, recallFloor);
          const counts: number[] = [];
          for (const filter of filters)
            counts.push((await store.search(embeddings(1, 4), { k: 60, filter }))[0].length);
          deepEqual(counts, [60, 60, 1]);
        }),
    },
    {
      name: 'a filter sees the payload that was written last',
      run: () =>
        withStore(async (store) => {
          await store.upsert(sample(20, id));
          await store.upsert({
            ids: [id(4)],
            embeddings: embeddings(1, 8),
            payloads: [{ half: false, row: 400 }],
          });
          await store.upsert({ ids: [id(6)], embeddings: embeddings(1, 9) });
          const found = async (filter: Filter): Promise<Id[]> =>
            (await store.search(embeddings(1, 4), { k: 20, filter }))[0].map((hit) => hit.id);
          deepEqual(await found({ row: 4 }), []);
          deepEqual(await found({ row: 400, half: false }), [id(4)]);
          deepEqual(await found({ row: null }), [id(6)]);
          await store.delete([id(4)]);
          deepEqual(await found({ row: 400 }), []);
        }),
    },
    {
      name: 'names that objects inherit are fields like any other',
      run: () =>
        withStore(async (store) => {
          const payloads = [
            JSON.parse('{"__proto__":"a","constructor":1}') as Payload,
            { toString: 'b' },
            {},
          ];
          await store.upsert({ ids: [id(0), id(1), id(2)], embeddings: embeddings(3, 4), payloads });
          const count = async (filter: string): Promise<number> =>
            (await store.search(embeddings(1, 4), { filter: JSON.parse(filter) as Filter }))[0].length;
          equal(await count('{"__proto__":"a"}'), 1);
          equal(await count('{"__proto__":null}'), 2);
          equal(await count('{"constructor":{"gte":1}}'), 1);
          equal(await count('{"toString":{"ne":"b"}}'), 2);
          deepEqual((await store.get([id(0)]))[0]?.payload, payloads[0]);
        }),
    },
    {
      name: 'unknown fields, operators and values are refused',
      run: () =>
        withStore(async (store) => {
          const search = (filter: unknown): Promise<unknown> =>
            store.search(embeddings(1, 1), { filter: filter as Filter });
          deepEqual(await search({ whatever: 1 }), [[]]);
          await store.upsert(sample(20, id));
          await refused(search({ whatever: 1 }), 'FILTER_FIELD');
          await refused(search({ constructor: 1 }), 'FILTER_FIELD');
          await refused(search({ row: { like: 'x' } }), 'FILTER_OPERATOR');
          await refused(search({ row: {} }), 'FILTER_OPERATOR');
          await refused(search({ or: [{ row: 1 }, { row: { like: 'x' } }] }), 'FILTER_OPERATOR');
          await refused(search({ not: { whatever: 1 } }), 'FILTER_FIELD');
          await refused(search({ 'whatever.row': 1 }), 'FILTER_FIELD');
          await refused(search({ 'a\0': 1 }), 'FILTER_FIELD');
          const itself: Record<string, unknown> = {};
          itself.not = itself;
          await refused(search(itself), 'FILTER_VALUE');
          for (const value of [
            { in: 5 },
            { in: [[]] },
            { gte: null },
            { gt: true },
            { ne: {} },
            [1],
            { lt: undefined },
            { gte: Number.POSITIVE_INFINITY },
            { in: [1, Number.NaN] },
            2 ** 53,
            { contains: -(2 ** 60) },
            'a\0b',
            { in: ['\ud800'] },
            { contains: ['x'] },
            new Date(Number.NaN),
            Number.NaN,
            undefined,
          ]) {
            await refused(search({ row: value }), 'FILTER_VALUE');
          }
          equal(await store.size(), 20);
        }),
    },
  ];
}
