import { deepEqual, equal } from 'node:assert/strict';
import type { Id } from '../codec/types.ts';
import type { ContractCase, ContractSetup } from './contract.ts';
import { contractCodec, embeddings, KEPT, sample, WIDTH } from './data.ts';
import { refused } from './expect.ts';

export function batchCases({ codec, id, options, withStore }: ContractSetup): ContractCase[] {
  return [
    {
      name: 'stores, returns, counts and deletes rows',
      run: () =>
        withStore(async (store) => {
          equal(await store.size(), 0);
          const rows = sample(50, id);
          await store.upsert(rows);
          equal(await store.size(), 50);
          const codes = codec.encode(rows.embeddings);
          const [third, none, first] = await store.get([id(3), id(777), id(0)]);
          equal(none, undefined);
          deepEqual([third?.id, first?.id], [id(3), id(0)]);
          deepEqual(third?.payload, rows.payloads[3]);
          deepEqual(third?.bits, codes.bits.slice((3 * KEPT) / 8, (4 * KEPT) / 8));
          deepEqual(third?.int8, codes.int8.slice(3 * KEPT, 4 * KEPT));
          equal(await store.delete([id(3), id(777)]), 1);
          equal(await store.size(), 49);
          deepEqual(await store.get([id(3)]), [undefined]);
          const hits = await store.search(rows.embeddings.subarray(3 * WIDTH, 4 * WIDTH), { k: 49 });
          equal(
            hits[0].some((hit) => hit.id === id(3)),
            false,
          );
          await store.upsert(sample(4, id));
          equal(await store.size(), 50);
        }),
    },
    {
      name: 'the last write of an id wins, payload and all',
      run: () =>
        withStore(async (store) => {
          await store.upsert(sample(20, id, 1));
          const again = { ids: [id(5)], embeddings: embeddings(1, 8), payloads: [{ version: 2 }] };
          await store.upsert(again);
          equal(await store.size(), 20);
          const [row] = await store.get([id(5)]);
          deepEqual(row?.payload, { version: 2 });
          deepEqual(row?.int8, codec.encode(again.embeddings).int8);
          await store.upsert({ ids: [id(5)], embeddings: again.embeddings });
          deepEqual((await store.get([id(5)]))[0]?.payload, undefined);
        }),
    },
    {
      name: 'a bad batch is refused whole',
      run: () =>
        withStore(async (store) => {
          await store.upsert(sample(10, id, 1));
          const before = await store.get(Array.from({ length: 10 }, (_, row) => id(row)));
          const bad = sample(6, id, 2);
          const nan = bad.embeddings.slice();
          nan[4 * WIDTH] = Number.NaN;
          const ids = bad.ids;
          await refused(store.upsert({ ids, embeddings: nan }), 'VECTOR_NOT_FINITE');
          await refused(
            store.upsert({ ids, embeddings: bad.embeddings.slice().fill(0, WIDTH, 2 * WIDTH) }),
            'VECTOR_ZERO',
          );
          await refused(
            store.upsert({ ids: [...ids.slice(0, 5), ids[0]], embeddings: bad.embeddings }),
            'ID_DUPLICATE',
          );
          await refused(store.upsert({ ids, embeddings: bad.embeddings.subarray(1) }), 'BATCH_SHAPE');
          await refused(store.upsert({ ids: ids.slice(1), embeddings: bad.embeddings }), 'BATCH_SHAPE');
          await refused(store.upsert({ ids: [], embeddings: new Float32Array(0) }), 'BATCH_EMPTY');
          await refused(store.upsert({ ...bad, payloads: [{}] }), 'BATCH_SHAPE');
          const payloads = [{}, {}, [] as never, {}, {}, {}];
          await refused(store.upsert({ ...bad, payloads }), 'PAYLOAD_INVALID');
          deepEqual(await store.get(Array.from({ length: 10 }, (_, row) => id(row))), before);
          equal(await store.size(), 10);
        }),
    },
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
      name: 'ids that no store can hold are refused',
      run: () =>
        withStore(async (store) => {
          for (const bad of ['', 'x'.repeat(513), 'a\0b', '\uD800', 2n ** 63n, 5 as never, null as never]) {
            await refused(store.upsert({ ids: [bad], embeddings: embeddings(1, 1) }), 'ID_INVALID');
          }
          equal(await store.size(), 0);
        }),
    },
    {
      name: 'codes of the same codec are stored as they are, those of another are refused',
      run: () =>
        withStore(async (store) => {
          const rows = sample(12, id);
          const codes = codec.encode(rows.embeddings);
          await store.upsert({ ids: rows.ids, codes, payloads: rows.payloads });
          const stored = await store.get(rows.ids);
          deepEqual(stored[11]?.bits, codes.bits.slice((11 * KEPT) / 8));
          const foreign = contractCodec('another model').encode(rows.embeddings);
          await refused(store.upsert({ ids: rows.ids, codes: foreign }), 'CODEC_MISMATCH');
          await refused(store.upsert({ ids: rows.ids.slice(1), codes }), 'BATCH_SHAPE');
        }),
    },
  ];
}
