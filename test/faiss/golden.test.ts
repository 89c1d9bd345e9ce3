import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryIndex, type BinaryIndexSearch } from '@nestbit/faiss-adapter';
import { expect, type TestContext, test } from 'vitest';
import { hamming, rowOf } from '../support/hamming.ts';
import { needsSharedData } from '../support/shared-data.ts';

const K = 10;
const QUERIES = 20;
const BYTES = 32;

interface Case {
  readonly index: string;
  /** Prefix of the files with the answers, where it is not the index's name. */
  readonly answers?: string;
  readonly kind: string;
  readonly rows: number;
  readonly search?: BinaryIndexSearch;
}

const CASES: Case[] = [
  { index: 'binary_flat', kind: 'flat', rows: 500 },
  { index: 'binary_flat_3', kind: 'flat', rows: 3 },
  { index: 'binary_idmap2', kind: 'flat', rows: 500 },
  { index: 'binary_ivf', answers: 'binary_ivf_nprobe2', kind: 'ivf', rows: 500, search: { probes: 2 } },
  { index: 'binary_ivf', answers: 'binary_ivf_nprobe8', kind: 'ivf', rows: 500, search: { probes: 8 } },
  { index: 'binary_hnsw', kind: 'hnsw', rows: 500, search: { efSearch: 16 } },
];

/** The values of a `.npy` file of version 1, as bytes. */
function values(folder: string, name: string): Uint8Array<ArrayBuffer> {
  const file = readFileSync(join(folder, `${name}.npy`));
  return new Uint8Array(file.subarray(10 + file.readUInt16LE(8)));
}

/** Labels by distance; how they are ordered among equals is nobody's promise. */
function byDistance(distances: Int32Array, labels: BigInt64Array): Map<number, Set<bigint>> {
  const groups = new Map<number, Set<bigint>>();
  distances.forEach((distance, i) => {
    groups.set(distance, (groups.get(distance) ?? new Set()).add(labels[i]));
  });
  return groups;
}

const golden = (context: TestContext): string => needsSharedData(context, 'golden/faiss');

for (const { index: name, answers = name, kind, rows, search } of CASES) {
  test(`${answers}: every query is answered as faiss answered it`, async (context) => {
    const folder = golden(context);
    const index = await BinaryIndex.read(join(folder, `${name}.faiss`));
    expect([index.kind, index.dimensions, index.rows, index.trained]).toEqual([kind, BYTES * 8, rows, true]);
    const queries = values(folder, 'queries');
    const codes = values(folder, 'codes');
    const ids = new BigInt64Array(
      name === 'binary_idmap2'
        ? values(folder, 'binary_idmap2.ids').buffer
        : BigInt64Array.from({ length: rows }, (_, row) => BigInt(row)),
    );
    const distances = new Int32Array(values(folder, `${answers}.distances`).buffer);
    const labels = new BigInt64Array(values(folder, `${answers}.labels`).buffer);
    const hits = await index.search(queries, { k: K, ...search });
    expect(hits.length).toBe(QUERIES);
    hits.forEach((hit, query) => {
      const found = Math.min(K, rows);
      const theirs = distances.subarray(query * K, query * K + found);
      expect([...hit.distances]).toEqual([...theirs]);
      const last = theirs[found - 1];
      const expected = byDistance(theirs, labels.subarray(query * K, query * K + found));
      for (const [distance, ours] of byDistance(hit.distances, hit.labels)) {
        // The ties at the last place may be cut anywhere, unless all rows are here.
        if (distance !== last || rows <= K) expect(ours, `query ${query}`).toEqual(expected.get(distance));
      }
      hit.labels.forEach((label, i) => {
        const code = rowOf(codes, BYTES, ids.indexOf(label));
        expect(hamming(rowOf(queries, BYTES, query), code)).toBe(hit.distances[i]);
      });
      expect(new Set(hit.labels).size).toBe(found);
    });
  });
}

test('an empty flat index finds nothing for every query', async (context) => {
  const folder = golden(context);
  const index = await BinaryIndex.read(join(folder, 'binary_flat_empty.faiss'));
  expect([index.kind, index.rows]).toEqual(['flat', 0]);
  const hits = await index.search(values(folder, 'queries'), { k: K });
  expect(hits.map((hit) => [hit.distances.length, hit.labels.length])).toEqual(Array(QUERIES).fill([0, 0]));
});
