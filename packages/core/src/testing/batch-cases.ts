import { deepEqual, equal, ok } from 'node:assert/strict';
import type { ContractCase, ContractSetup } from './contract.ts';
import { embeddings, KEPT, pick, sample, WIDTH } from './data.ts';
import { misused, refused } from './expect.ts';
import { sameAsOracle } from './search-cases.ts';

export function batchCases({ codec, id, recallFloor, withStore }: ContractSetup): ContractCase[] {
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
          deepEqual(third?.scalars, part(codes.scalars, codec.layout.scalars, 3));
          deepEqual(third?.copy, part(codes.copies, codec.layout.copy, 3));
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
          deepEqual(row?.copy, codec.encode(again.embeddings).copies);
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
          for (const payload of [
            [],
            null,
            'text',
            new Date(0),
            { at: new Date(0) },
            { a: [Number.NaN] },
            { f() {} },
            { a: 'half \ud83d' },
            { a: ['nul \0'] },
            { 'nul \0': 1 },
            { b: { '\udc00': 1 } },
            { owner: 2 ** 53 },
            { owners: [-(2 ** 60)] },
            itself(),
            doubled(),
          ]) {
            const payloads = [{}, {}, payload as never, {}, {}, {}];
            await refused(store.upsert({ ...bad, payloads }), 'PAYLOAD_INVALID');
          }
          await misused(store.upsert({ ids } as never), 'embeddings');
          deepEqual(await store.get(Array.from({ length: 10 }, (_, row) => id(row))), before);
          equal(await store.size(), 10);
        }),
    },
    {
      name: 'payloads come back as they were, and are copies',
      run: () =>
        withStore(async (store) => {
          const tags = ['a', 1, -0.5, true, null, [], {}, { deep: [[{ '': 'Ä\u{1F600}"\\\n' }]] }];
          const payloads = [{ tags, big: 2 ** 53 - 1, huge: 1e300, 'a.b': { c: 1 } }, undefined, {}];
          const expected = structuredClone(payloads);
          const ids = [id(0), id(1), id(2)];
          await store.upsert({ ids, embeddings: embeddings(3, 4), payloads });
          tags.push('changed later');
          const read = async (): Promise<unknown[]> => (await store.get(ids)).map((row) => row?.payload);
          deepEqual(await read(), expected);
          ((await read())[0] as { big: number }).big = 5;
          deepEqual(await read(), expected);
        }),
    },
    {
      name: 'deleted rows are never found, and stored again they are new ones',
      run: () =>
        withStore(async (store) => {
          const rows = sample(600, id);
          await store.upsert(rows);
          const gone = rows.ids.flatMap((_, row) => (row % 3 === 0 ? [] : [row]));
          const left = rows.ids.flatMap((_, row) => (row % 3 === 0 ? [row] : []));
          equal(await store.delete(gone.map((row) => rows.ids[row])), 400);
          equal(await store.delete(gone.map((row) => rows.ids[row])), 0);
          equal(await store.size(), 200);
          deepEqual(await store.get([rows.ids[1]]), [undefined]);
          const all = { k: 600, oversample: 1, prefilter: 600 };
          const hits = await store.search(embeddings(3, 4), all);
          const ids = new Set(left.map((row) => rows.ids[row]));
          for (const list of hits) {
            equal(list.length, 200);
            ok(list.every((hit) => ids.has(hit.id)));
          }
          await sameAsOracle(store, pick(rows, left), { oversample: 3, prefilter: 40 }, recallFloor);
          await store.upsert(pick(rows, gone));
          equal(await store.size(), 600);
          await sameAsOracle(
            store,
            pick(rows, [...left, ...gone]),
            { oversample: 3, prefilter: 40 },
            recallFloor,
          );
        }),
    },
    {
      name: 'an upsert writes rows anew: of ties, the row written first goes first',
      run: () =>
        withStore(async (store) => {
          const ids = [id(0), id(1), id(2), id(3)];
          const same = Float32Array.from({ length: 4 * WIDTH }, (_, i) => Math.sin((i % WIDTH) + 1));
          await store.upsert({ ids, embeddings: same });
          await store.upsert({ ids: [ids[2], ids[0]], embeddings: same.subarray(0, 2 * WIDTH) });
          const [hits] = await store.search(same.subarray(0, WIDTH), { k: 4 });
          deepEqual(
            hits.map((hit) => hit.id),
            [ids[1], ids[3], ids[2], ids[0]],
          );
        }),
    },
  ];
}

/** The bytes of one row in an array of rows. */
function part(values: Uint8Array, width: number, row: number): Uint8Array {
  return values.slice(row * width, (row + 1) * width);
}

/** An object that contains itself twice. */
function itself(): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  return Object.assign(object, { left: object, right: [object] });
}

/** An object of 60 others that stands for 2^60 when it is written out. */
function doubled(): Record<string, unknown> {
  let object: Record<string, unknown> = {};
  for (let i = 0; i < 60; i++) object = { left: object, right: object };
  return object;
}
