import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch, Store } from '@nestbit/core';
import { storeContract } from '@nestbit/core/testing';
import { FaissStore, type StoreIndex } from '@nestbit/faiss-adapter';
import { afterAll, describe, test } from 'vitest';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

/** Every index kind with parameters that make its few rows go through the index, not the scan of the tail. */
const kinds: { index: StoreIndex; recallFloor: number }[] = [
  { index: { kind: 'flat' }, recallFloor: 1 },
  { index: { kind: 'ivf', lists: 8 }, recallFloor: 0.9 },
  { index: { kind: 'hnsw', m: 16 }, recallFloor: 0.9 },
];

for (const { index, recallFloor } of kinds) {
  describe(`FaissStore, ${index.kind}`, () => {
    const paths = new Map<Store, string>();
    const options = {
      recallFloor,
      create: async (codec: FaissStore['codec']) => {
        const path = await mkdtemp(join(tmpdir(), 'nestbit-faiss-'));
        folders.push(path);
        const store = await FaissStore.create(path, { codec, index });
        paths.set(store, path);
        return indexed(store);
      },
      reopen: async (store: Store) => indexed(await FaissStore.open(paths.get(store) as string)),
    };
    for (const { name, run } of storeContract(options)) test(name, run);
  });
}

/** Indexes after every write, so that searches go through the index. */
function indexed(store: FaissStore): FaissStore {
  const upsert = store.upsert.bind(store);
  store.upsert = async (batch: Batch, options) => {
    await upsert(batch, options);
    // A case closes the store meanwhile.
    await store.index().catch((error) => {
      if (error.code !== 'STORE_CLOSED') throw error;
    });
  };
  return store;
}
