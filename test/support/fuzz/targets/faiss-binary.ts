import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryIndex, type BinaryIndexHits, type BinaryIndexOptions } from '@nestbit/faiss-adapter';
import { idMap } from '../../faiss-files.ts';
import { clusteredBits, hamming } from '../../hamming.ts';
import { expectAnswer, type FuzzTarget } from '../target.ts';
import { type BinaryLayout, readLayout } from './binary-layout.ts';

const ROWS = 40;
const BYTES = 8;
const QUERIES = clusteredBits(12, BYTES, 4, 3);
const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row) * 1_000_003n - 7n);

const KINDS: BinaryIndexOptions[] = [
  { kind: 'flat', dimensions: 64 },
  { kind: 'ivf', dimensions: 64, lists: 4 },
  // Most lists are empty, so that faiss writes their sizes in its other form.
  { kind: 'ivf', dimensions: 64, lists: 30 },
  { kind: 'hnsw', dimensions: 64, m: 4 },
];

async function written(options: BinaryIndexOptions, path: string): Promise<Buffer> {
  const codes = clusteredBits(ROWS, BYTES, 4);
  const index = BinaryIndex.create(options);
  if (options.kind === 'ivf') await index.train(codes);
  await index.add(options.kind === 'ivf' && options.lists === 30 ? codes.subarray(0, 4 * BYTES) : codes);
  await index.write(path);
  return readFileSync(path);
}

function checkHits(hits: BinaryIndexHits, layout: BinaryLayout, query: Uint8Array, k: number): void {
  const { entries, ids: labels, kind } = layout;
  const near = entries.map(({ row, code }) => ({
    label: labels === undefined ? row : labels[Number(row)],
    distance: hamming(code, query),
  }));
  const expected = near.map(({ distance }) => distance).sort((a, b) => a - b);
  const found = [...hits.distances];
  // A damaged graph may not lead to every row; what it leads to is told with its distance.
  if (kind !== 'hnsw')
    expectAnswer(`${found}` === `${expected.slice(0, k)}`, `distances ${found} for ${expected}`);
  expectAnswer(
    found.every((distance, i) => i === 0 || distance >= found[i - 1]),
    `distances ${found} are not sorted`,
  );
  const all = new Set(near.map(({ label, distance }) => `${label} ${distance}`));
  for (const [i, label] of [...hits.labels].entries())
    expectAnswer(all.has(`${label} ${found[i]}`), `row ${label} at distance ${found[i]}`);
}

let number = 0;

/** Flat, IVF and HNSW indexes, also in id maps. */
export const faissBinary: FuzzTarget = {
  name: 'faiss-binary',
  text: false,
  file: 'fuzzed.faiss',
  async seeds(folder) {
    const files: Buffer[] = [];
    for (const options of KINDS) files.push(await written(options, join(folder, 'seed.faiss')));
    const [flat, ivf, , hnsw] = files;
    return [...files, idMap(flat, ids, 'IBM2'), idMap(ivf, ids), idMap(hnsw, ids, 'IBM2')];
  },
  async read(path, bytes) {
    const index = await BinaryIndex.read(path);
    const layout = readLayout(bytes);
    const { dimensions, rows } = layout;
    expectAnswer(index.kind === layout.kind && index.rows === rows, `${index.rows} rows of ${rows}`);
    expectAnswer(index.dimensions === dimensions, `${index.dimensions} dimensions of ${dimensions}`);
    const width = dimensions / 8;
    if (width > QUERIES.length) return;
    const queries = QUERIES.subarray(0, Math.floor(QUERIES.length / width) * width);
    for (const k of [3, ROWS + 5]) {
      const hits = await index.search(queries, { k, probes: 1 << 20, efSearch: 200 });
      for (const [at, one] of hits.entries())
        checkHits(one, layout, queries.subarray(at * width, (at + 1) * width), k);
    }
    if (++number % 8 === 0) {
      await index.write(`${path}.again`);
      expectAnswer((await BinaryIndex.read(`${path}.again`)).rows === rows, 'rows differ after a write');
    }
    if (layout.ids !== undefined || !index.trained) return;
    await index.add(queries);
    expectAnswer(index.rows === rows + queries.length / width, 'rows after an add');
    const hits = await index.search(queries, { k: 1, probes: 1 << 20, efSearch: 200 });
    if (layout.kind !== 'hnsw')
      expectAnswer(
        hits.every(({ distances }) => distances[0] === 0),
        'added rows are not found',
      );
  },
};
