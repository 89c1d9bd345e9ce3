import type { Batch, Codec, Store } from '@nestbit/core';
import { storeContract } from '@nestbit/core/testing';
import { type IdType, PgStore } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';

/** Ids and plans that between them cover every path. */
const KINDS: readonly { readonly idType: IdType; readonly index: boolean }[] = [
  { idType: 'text', index: false },
  { idType: 'bigint', index: false },
  { idType: 'text', index: true },
];

for (const postgres of everyPostgres()) {
  describe(`PgStore on ${postgres.name}`, () => {
    let database: Database | undefined;
    let stores = 0;
    const names = new Map<Store, string>();
    beforeAll(async () => {
      if (postgres.why === undefined) database = await postgres.open();
    });
    afterAll(async () => {
      await database?.close();
    });
    for (const { idType, index } of KINDS) {
      describe(`${idType} ids${index ? ', HNSW' : ''}`, () => {
        const options = {
          ids: [idType === 'bigint' ? ('bigint' as const) : ('string' as const)],
          // Codes of 64 bits tie often, and which of the ties an index gives is its own business.
          recallFloor: index ? 0.75 : 1,
          create: async (codec: Codec) => {
            const name = `store_${++stores}`;
            const store = await PgStore.create((database as Database).pool, { name, codec, idType });
            names.set(store, name);
            return index ? indexed(store) : store;
          },
          reopen: async (store: Store) =>
            await PgStore.open((database as Database).pool, { name: names.get(store) as string }),
        };
        for (const { name, run } of storeContract(options)) {
          test(name, async (context) => {
            context.skip(postgres.why !== undefined, postgres.why);
            context.skip(
              index && database?.pgvector === false,
              'needs pgvector, which this server does not have',
            );
            await run();
          });
        }
      });
    }
  });
}

/** Builds the index with the first rows, so that later searches go through it. */
function indexed(store: PgStore): PgStore {
  const upsert = store.upsert.bind(store);
  let built = false;
  store.upsert = async (batch: Batch, options) => {
    await upsert(batch, options);
    if (built) return;
    built = true;
    await store.buildIndex().catch((error) => {
      if (error.code !== 'STORE_CLOSED') throw error;
    });
  };
  return store;
}
