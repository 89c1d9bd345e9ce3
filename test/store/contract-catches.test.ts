import {
  type Batch,
  type Hit,
  type Id,
  MemoryStore,
  type SearchOptions,
  type StoredRow,
} from '@nestbit/core';
import { storeContract } from '@nestbit/core/testing';
import { expect, test } from 'vitest';

/** Stores with one fault each, and a case of the contract that must fail for it. */
const faulty: Record<string, [typeof MemoryStore, string]> = {
  'loses the last hit under a filter': [
    class extends MemoryStore {
      override async search(queries: Float32Array, options: SearchOptions = {}): Promise<Hit[][]> {
        const hits = await super.search(queries, options);
        return options.filter === undefined ? hits : hits.map((list) => list.slice(0, 9));
      }
    },
    'under filters of 50 %, 1 % and 0.01 % hits are the oracle’s, k of them wherever k exist',
  ],
  'applies the rows before the bad one': [
    class extends MemoryStore {
      override async upsert(batch: Batch, options?: { signal?: AbortSignal }): Promise<void> {
        try {
          await super.upsert(batch, options);
        } catch (error) {
          if (
            'embeddings' in batch &&
            batch.ids.length > 1 &&
            batch.embeddings.length === 96 * batch.ids.length
          )
            await super.upsert({ ids: batch.ids.slice(0, 1), embeddings: batch.embeddings.slice(0, 96) });
          throw error;
        }
      }
    },
    'a bad batch is refused whole',
  ],
  'takes 17n for "17"': [
    class extends MemoryStore {
      override async get(ids: readonly Id[]): Promise<(StoredRow | undefined)[]> {
        return (await super.get(ids)).map((row) => row && { ...row, id: String(row.id) });
      }
    },
    'ids of every kind keep apart and come back as they were',
  ],
  'scores a little off': [
    class extends MemoryStore {
      override async search(queries: Float32Array, options?: SearchOptions): Promise<Hit[][]> {
        const hits = await super.search(queries, options);
        return hits.map((list) => list.map((hit) => ({ ...hit, score: Math.fround(hit.score) })));
      }
    },
    'hits and scores are those of the oracle',
  ],
  'does not delete': [
    class extends MemoryStore {
      override async delete(ids: readonly Id[]): Promise<number> {
        return (await super.get(ids)).filter((row) => row !== undefined).length;
      }
    },
    'deleted rows are never found, and stored again they are new ones',
  ],
  'ignores the abort signal': [
    class extends MemoryStore {
      override async search(
        queries: Float32Array,
        { signal: _, ...options }: SearchOptions = {},
      ): Promise<Hit[][]> {
        return await super.search(queries, options);
      }
    },
    'an aborted call is refused and changes nothing',
  ],
  'works on after close': [
    class extends MemoryStore {
      override async close(): Promise<void> {}
    },
    'after close every call is refused, and closing again is not',
  ],
};

for (const [fault, [Faulty, name]] of Object.entries(faulty)) {
  test(`the contract catches a store that ${fault}`, async () => {
    const cases = storeContract({ create: async (codec) => new Faulty({ codec }) });
    const found = cases.find((one) => one.name === name);
    expect(found, name).toBeDefined();
    // By an assertion, not by an error of the faulty store itself.
    await expect(found?.run()).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
  });
}

test('the contract runs for stores of bigint ids alone and of text ids alone', async () => {
  for (const ids of [['bigint'], ['string']] as const) {
    class OneKind extends MemoryStore {
      override readonly capabilities = { ids };
    }
    const cases = storeContract({ create: async (codec) => new OneKind({ codec }), ids });
    for (const { run } of cases) await run();
  }
});

test('names of cases are unique, so that a failure points at one', () => {
  const names = storeContract({ create: async (codec) => new MemoryStore({ codec }) }).map(
    ({ name }) => name,
  );
  expect(new Set(names).size).toBe(names.length);
});
