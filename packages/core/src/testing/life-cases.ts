import { deepEqual, equal, ok } from 'node:assert/strict';
import type { ContractCase, ContractSetup } from './contract.ts';
import { embeddings, sample } from './data.ts';
import { refused } from './expect.ts';

export function lifeCases({ options, codec, id, recallFloor, withStore }: ContractSetup): ContractCase[] {
  const cases: ContractCase[] = [
    {
      name: 'the codec and the capabilities are those that were declared',
      run: () =>
        withStore(async (store) => {
          equal(store.codec.fingerprint, codec.fingerprint);
          const { durable = false, approximate = false, ids = ['bigint', 'string'] } = store.capabilities;
          deepEqual([...ids].sort(), [...(options.ids ?? ['bigint', 'string'])].sort());
          equal(durable, options.reopen !== undefined, 'durable stores, and only they, can be opened again');
          ok(approximate || recallFloor === 1, 'only an approximate store may miss hits');
        }),
    },
    {
      name: 'writes and searches at once see whole batches',
      run: () =>
        withStore(async (store) => {
          const batches = Array.from({ length: 8 }, (_, batch) =>
            sample(50, (row) => id(batch * 50 + row), batch + 1),
          );
          const searches: Promise<unknown>[] = [];
          const writes = batches.map((batch) => {
            searches.push(
              store.search(embeddings(1, 5), { k: 1000, prefilter: 100_000 }).then(([hits]) => hits.length),
            );
            return store.upsert(batch);
          });
          await Promise.all(writes);
          for (const count of await Promise.all(searches))
            ok((count as number) % 50 === 0, `${count} rows were seen`);
          equal(await store.size(), 400);
        }),
    },
    {
      name: 'a batch that is aborted on its way is stored whole or not at all',
      run: () =>
        withStore(async (store) => {
          const stop = new AbortController();
          const write = store.upsert(sample(500, id), { signal: stop.signal });
          stop.abort();
          const refusal = await write.then(
            () => undefined,
            (error: { code?: string }) => error,
          );
          if (refusal !== undefined) equal(refusal.code, 'ABORTED');
          equal(await store.size(), refusal === undefined ? 500 : 0);
          await store.upsert(sample(500, id));
          equal(await store.size(), 500);
        }),
    },
    {
      name: 'close waits for the calls under way',
      run: async () => {
        const store = await options.create(codec);
        await store.upsert(sample(500, id));
        const search = store.search(embeddings(5, 2));
        const write = store.upsert(sample(5, (row) => id(1000 + row)));
        await store.close();
        equal((await search).length, 5);
        await write;
      },
    },
    {
      name: 'after close every call is refused, and closing again is not',
      run: async () => {
        const store = await options.create(codec);
        await store.upsert(sample(5, id));
        await store.close();
        await store.close();
        await refused(store.upsert(sample(5, id)), 'STORE_CLOSED');
        await refused(store.search(embeddings(1, 1)), 'STORE_CLOSED');
        await refused(store.get([id(1)]), 'STORE_CLOSED');
        await refused(store.delete([id(1)]), 'STORE_CLOSED');
        await refused(store.size(), 'STORE_CLOSED');
      },
    },
  ];
  const { reopen } = options;
  if (reopen !== undefined) {
    cases.push({
      name: 'rows outlive the store object',
      run: async () => {
        const store = await options.create(codec);
        const rows = sample(300, id);
        await store.upsert(rows);
        await store.delete([id(7)]);
        const before = await store.search(embeddings(3, 5));
        await store.close();
        const again = await reopen(store);
        equal(await again.size(), 299);
        deepEqual(await again.search(embeddings(3, 5)), before);
        deepEqual((await again.get([id(8)]))[0]?.payload, rows.payloads[8]);
        await again.close();
      },
    });
  }
  return cases;
}
