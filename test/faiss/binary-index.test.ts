import { join } from 'node:path';
import { BinaryIndex, type BinaryIndexHits, type BinaryIndexOptions } from '@nestbit/faiss-adapter';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { clusteredBits, hamming, type Nearest, naiveNearest, rowOf } from '../support/hamming.ts';

const K = 10;
const ROWS = 3000;
const QUERIES = 40;
const LISTS = 16;
const folder = temporaryFolder();

interface Case {
  readonly options: BinaryIndexOptions;
  readonly search: { readonly probes?: number; readonly efSearch?: number };
}

const cases = (dimensions: number): Case[] => [
  { options: { kind: 'flat', dimensions }, search: {} },
  { options: { kind: 'ivf', dimensions, lists: LISTS }, search: { probes: LISTS } },
  { options: { kind: 'hnsw', dimensions, m: 16, efConstruction: 64 }, search: { efSearch: 64 } },
];

async function built(options: BinaryIndexOptions, codes: Uint8Array, threads = 1): Promise<BinaryIndex> {
  const index = BinaryIndex.create(options);
  if (options.kind === 'ivf') await index.train(codes, { threads });
  // In two parts, as data comes.
  const half = Math.floor(codes.length / 2 / (options.dimensions / 8)) * (options.dimensions / 8);
  await index.add(codes.subarray(0, half), { threads });
  await index.add(codes.subarray(half), { threads });
  return index;
}

const rowsOf = (hits: BinaryIndexHits): number[] => [...hits.labels].map(Number);

for (const dimensions of [8, 72, 256, 1024]) {
  const bytes = dimensions / 8;
  const codes = clusteredBits(ROWS, bytes);
  const queries = clusteredBits(QUERIES, bytes, 32, 2);
  let expected: Nearest[];

  beforeAll(() => {
    expected = Array.from({ length: QUERIES }, (_, i) => naiveNearest(codes, rowOf(queries, bytes, i), K));
  });

  describe.each(cases(dimensions))(`$options.kind of ${dimensions} bits`, ({ options, search }) => {
    test('finds what comparing with every row finds', async () => {
      const index = await built(options, codes);
      expect([index.kind, index.dimensions, index.rows, index.trained]).toEqual([
        options.kind,
        dimensions,
        ROWS,
        true,
      ]);
      const hits = await index.search(queries, { k: K, ...search });
      let found = 0;
      hits.forEach((hit, i) => {
        const query = rowOf(queries, bytes, i);
        expect([...hit.distances]).toEqual(
          rowsOf(hit).map((row) => hamming(query, rowOf(codes, bytes, row))),
        );
        expect(new Set(hit.labels).size).toBe(hit.labels.length);
        // A row as near as the k-th is as good as it.
        found += hit.distances.filter((distance) => distance <= expected[i].distances[K - 1]).length;
        if (options.kind === 'hnsw') return;
        expect([...hit.distances]).toEqual(expected[i].distances);
        expect(rowsOf(hit)).toEqual(expected[i].rows);
      });
      // With 8 bits there are but 256 different rows: a graph falls apart into sets of equal ones.
      expect(found / (QUERIES * K)).toBeGreaterThanOrEqual(
        options.kind !== 'hnsw' ? 1 : bytes === 1 ? 0.5 : 0.95,
      );
    });

    test('several threads and one query at a time give the same', async () => {
      const index = await built(options, codes);
      const one = await index.search(queries, { k: K, ...search, threads: 1 });
      for (const threads of [2, 3, 16])
        expect(await index.search(queries, { k: K, ...search, threads })).toEqual(one);
      const alone: BinaryIndexHits[] = [];
      for (let i = 0; i < QUERIES; i++)
        alone.push(...(await index.search(rowOf(queries, bytes, i), { k: K, ...search })));
      expect(alone).toEqual(one);
      if (options.kind === 'hnsw') return;
      // Training and assigning are the same on any number of threads; a graph depends on who links first.
      const again = await built(options, codes, 4);
      expect(await again.search(queries, { k: K, ...search })).toEqual(one);
      expect(await again.search(queries, { k: K })).toEqual(await index.search(queries, { k: K }));
    });

    test('what is written is read back with the same answers, and takes more rows', async () => {
      const index = await built(options, codes);
      const path = join(folder, `${options.kind}-${dimensions}.faiss`);
      await index.write(path);
      const back = await BinaryIndex.read(path);
      expect([back.kind, back.dimensions, back.rows, back.trained]).toEqual([
        options.kind,
        dimensions,
        ROWS,
        true,
      ]);
      expect(await back.search(queries, { k: K, ...search })).toEqual(
        await index.search(queries, { k: K, ...search }),
      );
      await back.add(queries);
      expect(back.rows).toBe(ROWS + QUERIES);
      const hits = await back.search(queries, { k: K, ...search });
      const themselves = hits.filter((hit) => hit.distances[0] === 0).length;
      expect(themselves).toBeGreaterThanOrEqual(QUERIES * (options.kind === 'hnsw' ? 0.85 : 1));
    });
  });
}

test('fewer rows than k give all rows, and an empty index none', async () => {
  const codes = clusteredBits(3, 32);
  for (const { options, search } of cases(256)) {
    const index = BinaryIndex.create(options.kind === 'ivf' ? { ...options, lists: 3 } : options);
    if (options.kind === 'ivf') await index.train(codes);
    expect((await index.search(codes, { k: 5, ...search })).map((hit) => hit.labels.length)).toEqual([
      0, 0, 0,
    ]);
    await index.add(codes);
    const hits = await index.search(codes, { k: 5, ...search });
    expect(hits.map((hit) => [rowsOf(hit).sort(), hit.distances[0]])).toEqual(Array(3).fill([[0, 1, 2], 0]));
    await index.add(new Uint8Array());
    expect(index.rows).toBe(3);
    expect(await index.search(new Uint8Array())).toEqual([]);
  }
});

test('adds that run at once number every row once', async () => {
  const codes = clusteredBits(400, 32);
  for (const { options, search } of cases(256)) {
    const index = BinaryIndex.create(options);
    if (options.kind === 'ivf') await index.train(codes);
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => index.add(codes.subarray(i * 1600, (i + 1) * 1600))),
    );
    expect(index.rows).toBe(400);
    const [all] = await index.search(codes.subarray(0, 32), { k: 400, ...search });
    expect(rowsOf(all).sort((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, row) => row));
  }
});
