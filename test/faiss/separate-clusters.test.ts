import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calibrate } from '@nestbit/core';
import { ClusteredVectors } from '@nestbit/core/testing';
import { FaissStore, type StoreIndex } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';

const WIDTH = 512;
const ROWS = 60_000;
const CLUSTERS = 2000;
const QUERIES = 100;
/** Fewer than a cluster has rows. */
const CANDIDATES = 25;

test('an HNSW graph finds its way into every one of many separate clusters, also those that came later', async () => {
  const vectors = new Float32Array(ROWS * WIDTH);
  const queries = new Float32Array(QUERIES * WIDTH);
  for (const half of [0, 1]) {
    const stream = new ClusteredVectors(WIDTH, CLUSTERS / 2, 1 + half);
    vectors.set(stream.take(ROWS / 2), (half * vectors.length) / 2);
    queries.set(stream.take(QUERIES / 2), (half * queries.length) / 2);
  }
  const codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
  const folder = await mkdtemp(join(tmpdir(), 'nestbit-clusters-'));
  const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row));
  const answers = async (index: StoreIndex, options: object): Promise<Set<bigint>[]> => {
    const store = await FaissStore.create(join(folder, index.kind), { codec, index, tail: ROWS });
    try {
      for (const [first, last] of [
        [0, ROWS / 2],
        [ROWS / 2, ROWS],
      ]) {
        const embeddings = vectors.subarray(first * WIDTH, last * WIDTH);
        await store.upsert({ ids: ids.slice(first, last), embeddings });
        await store.index();
      }
      const candidates = await store.candidates(queries, {
        k: CANDIDATES,
        oversample: 1,
        prefilter: CANDIDATES,
        ...options,
      });
      return candidates.map(({ hamming }) => new Set(hamming as bigint[]));
    } finally {
      await store.close();
    }
  };
  try {
    const exact = await answers({ kind: 'flat' }, {});
    const found = await answers({ kind: 'hnsw' }, { efSearch: 40 });
    // Rows at the distance of the last candidate are interchangeable: a few may differ.
    let wanted = 0;
    let common = 0;
    for (const [query, rows] of exact.entries()) {
      wanted += rows.size;
      for (const id of rows) if (found[query].has(id)) common++;
    }
    expect(common / wanted).toBeGreaterThan(0.95);
  } finally {
    await rm(folder, { recursive: true });
  }
});
