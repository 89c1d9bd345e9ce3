import { deepEqual, equal } from 'node:assert/strict';
import type { Id } from '../codec/types.ts';
import type { ContractCase, ContractSetup } from './contract.ts';
import { embeddings, sample } from './data.ts';
import { refused } from './expect.ts';

export function idCases({ id, options, withStore }: ContractSetup): ContractCase[] {
  return [
    {
      name: 'ids of every kind keep apart and come back as they were',
      run: () =>
        withStore(async (store) => {
          const kinds = options.ids ?? ['bigint', 'string'];
          const ids: Id[] = [
            ...(kinds.includes('bigint') ? [0n, 17n, -5n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)] : []),
            ...(kinds.includes('string')
              ? [
                  '17',
                  '0',
                  'e4f3c1de-9f0e-4c77-9f5e-5f0a3c1f7a11',
                  'a\'b"c;--',
                  '\u{1F600}',
                  '\u00e9',
                  'e\u0301',
                  'x'.repeat(512),
                  '\u{1F600}'.repeat(128),
                ]
              : []),
          ];
          const x = embeddings(ids.length, 3);
          await store.upsert({ ids, embeddings: x });
          const found = await store.get(ids);
          deepEqual(
            found.map((row) => row?.id),
            ids,
          );
          const hits = await store.search(x, { k: 1 });
          deepEqual(
            hits.map(([hit]) => hit.id),
            ids,
          );
          equal(await store.delete(ids), ids.length);
          equal(await store.size(), 0);
        }),
    },
    {
      name: 'safe integers are ids, as bigints',
      run: () =>
        withStore(async (store) => {
          if (options.ids?.includes('bigint') === false) return;
          const ids = [0, -5, Number.MAX_SAFE_INTEGER];
          const bigints = ids.map(BigInt);
          const x = embeddings(3, 4);
          await store.upsert({ ids, embeddings: x });
          deepEqual(
            (await store.search(x, { k: 1 })).map(([hit]) => hit.id),
            bigints,
          );
          deepEqual(
            (await store.get(ids)).map((row) => row?.id),
            bigints,
          );
          await refused(store.upsert({ ids: [7, 7n], embeddings: embeddings(2, 4) }), 'ID_DUPLICATE');
          equal(await store.delete([-5]), 1);
          equal(await store.delete([-5n]), 0);
        }),
    },
    {
      name: 'ids that no store can hold are refused',
      run: () =>
        withStore(async (store) => {
          for (const bad of [
            '',
            'x'.repeat(513),
            '\u{1F600}'.repeat(129),
            'a\0b',
            '\uD800',
            2n ** 63n,
            2 ** 53,
            1.5,
            Number.NaN,
            null as never,
          ]) {
            await refused(store.upsert({ ids: [bad], embeddings: embeddings(1, 1) }), 'ID_INVALID');
            await refused(store.get([id(1), bad]), 'ID_INVALID');
            await refused(store.delete([id(1), bad]), 'ID_INVALID');
          }
          equal(await store.size(), 0);
        }),
    },
    {
      name: 'no ids, and ids given twice, can be read and deleted',
      run: () =>
        withStore(async (store) => {
          await store.upsert(sample(3, id));
          deepEqual([await store.get([]), await store.delete([])], [[], 0]);
          deepEqual(
            (await store.get([id(1), id(1)])).map((row) => row?.id),
            [id(1), id(1)],
          );
          equal(await store.delete([id(1), id(1)]), 1);
          equal(await store.size(), 2);
        }),
    },
  ];
}
