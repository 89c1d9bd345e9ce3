import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Evaluation, evaluate, NpyWriter, parseCodec } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { BinaryIndex, FaissStore } from '@nestbit/faiss-adapter';
import { beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { floatIndexBytes } from '../support/float-index.ts';
import { nestbit } from '../support/nestbit.ts';

const WIDTH = 64;
const ROWS = 1500;
const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const all = clusteredVectors(ROWS + 20, WIDTH, 30);
const docs = all.slice(0, ROWS * WIDTH);
const queries = all.slice(ROWS * WIDTH);

async function npy(name: string, values: Float32Array): Promise<void> {
  const writer = await NpyWriter.create(path(name), 'float32', WIDTH);
  await writer.append(values);
  await writer.commit();
}

beforeAll(async () => {
  await npy('docs.npy', docs);
  await npy('queries.npy', queries);
  writeFileSync(path('old.faiss'), floatIndexBytes('IxFI', docs, WIDTH));
});

test('a float index of faiss becomes a store that finds the same rows', async () => {
  const store = `faiss:${path('from-faiss')}`;
  expect(await nestbit('ingest', path('old.faiss'), '--store', store, '--json')).toMatchObject({
    status: 0,
    err: '',
  });
  const asked = await nestbit(
    'search',
    '--store',
    store,
    '--queries',
    path('queries.npy'),
    '-k',
    '1',
    '--json',
  );
  const lines = asked.out.trim().split('\n');
  expect(lines).toHaveLength(20);
  lines.forEach((line, query) => {
    const { hits } = JSON.parse(line) as { hits: { id: string }[] };
    expect(hits[0].id).toBe(String(nearestRows(queries.subarray(query * WIDTH, (query + 1) * WIDTH), 1)[0]));
  });
});

test('vectors that are not of length 1 are taken with a warning, since the cosine orders them otherwise', async () => {
  writeFileSync(
    path('long.faiss'),
    floatIndexBytes(
      'IxF2',
      docs.map((value) => value * 3),
      WIDTH,
    ),
  );
  const run = await nestbit('ingest', path('long.faiss'), '--store', `faiss:${path('long')}`);
  expect(run.status).toBe(0);
  expect(run.err).toMatch(/compares by l2.*length 1 \(row 0: 3\.00\)/);
});

test('a folder of LangChain.js becomes a store with its ids, filtered by its metadata', async () => {
  const old = path('langchain');
  await mkdir(old);
  writeFileSync(join(old, 'faiss.index'), floatIndexBytes('IxF2', docs.subarray(0, 4 * WIDTH), WIDTH));
  const ids = ['a', 'b', 'c', 'd'];
  const documents = ids.map((id, i) => [id, { pageContent: `text ${id}`, metadata: { even: i % 2 === 0 } }]);
  writeFileSync(join(old, 'docstore.json'), JSON.stringify([documents, { 0: 'a', 1: 'b', 2: 'c', 3: 'd' }]));
  const store = `faiss:${path('from-langchain')}`;
  expect(await nestbit('ingest', old, '--store', store)).toMatchObject({ status: 0 });
  await npy('first.npy', docs.slice(0, WIDTH));
  const args = [
    'search',
    '--store',
    store,
    '--queries',
    path('first.npy'),
    '--filter',
    '{"even":false}',
    '--json',
  ];
  const { hits } = JSON.parse((await nestbit(...args)).out) as { hits: { id: string }[] };
  expect(hits.map(({ id }) => id).sort()).toEqual(['b', 'd']);
});

test('shrink files stores an index of faiss-node and says what it costs on its own rows', async () => {
  const uri = `faiss:${path('shrunk')}`;
  const run = await nestbit(
    'shrink',
    'files',
    path('old.faiss'),
    '--store',
    uri,
    '--queries',
    '50',
    '--json',
  );
  expect(run).toMatchObject({ status: 0, err: '' });
  const told = JSON.parse(run.out);
  expect(told).toMatchObject({ rows: ROWS, queries: 50, k: 10, bytes: { floats: ROWS * WIDTH * 4 } });
  const stats = JSON.parse((await nestbit('stats', '--store', uri, '--json')).out);
  const parts: number[] = Object.values(stats.bytes);
  expect(told.bytes.store).toBe(parts.reduce((sum, part) => sum + part, 0));
  // By hand: each of the same rows, without itself, beside exact search.
  const store = await FaissStore.open(path('shrunk'), { readOnly: true });
  let found = 0;
  for (let i = 0; i < 50; i++) {
    const row = Math.floor((i * ROWS) / 50);
    const query = docs.slice(row * WIDTH, (row + 1) * WIDTH);
    const truth = new Set(nearestRows(query, 11).filter((other) => other !== row));
    const [hits] = await store.search(query, { k: 11 });
    found += hits.filter(({ id }) => truth.has(Number(id))).length;
  }
  await store.close();
  expect(told.recall).toBeCloseTo(found / 500, 6);
  expect(told.recall).toBeGreaterThan(0.9);
  const again = `faiss:${path('shrunk-again')}`;
  const text = await nestbit('shrink', 'files', path('old.faiss'), '--store', again, '--queries', '0');
  expect(text.out).toMatch(/0\.4 MiB of float32 became .* MiB, its index included\nrecall was not measured/);
});

for (const index of ['flat', 'ivf', 'hnsw'] as const) {
  test(`the ${index} index of a store is exported with its ids, dead rows left out`, async () => {
    const uri = `faiss:${path(`export-${index}`)}`;
    await nestbit('ingest', path('docs.npy'), '--store', uri, '--index', index);
    const store = await FaissStore.open(path(`export-${index}`));
    await store.delete([0n, 700n]);
    await store.close();
    const out = path(`${index}.faiss`);
    const run = await nestbit('export', '--store', uri, '--out', out, '--json');
    expect(JSON.parse(run.out)).toEqual({ rows: ROWS - 2, index: out, ids: `${out}.ids.jsonl` });
    const ids = readFileSync(`${out}.ids.jsonl`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as string);
    expect(ids).toHaveLength(ROWS - 2);
    const exported = await BinaryIndex.read(out);
    expect(exported).toMatchObject({ kind: index, rows: ROWS - 2 });
    const reopened = await FaissStore.open(path(`export-${index}`), { readOnly: true });
    const rows = [1n, 699n, 701n, 1499n];
    for (const [i, row] of (await reopened.get(rows)).entries()) {
      const [found] = await exported.search(row?.bits as Uint8Array, { k: 1, probes: 1000, efSearch: 64 });
      expect(found.distances[0]).toBe(0);
      expect(ids[Number(found.labels[0])]).toBe(String(rows[i]));
    }
    await reopened.close();
  });
}

test('evaluate --store gives for a flat store what evaluate gives for its codec', async () => {
  const uri = `faiss:${path('measured')}`;
  await nestbit('calibrate', path('docs.npy'), '--out', path('codec.json'));
  await nestbit('ingest', path('docs.npy'), '--store', uri, '--codec', path('codec.json'));
  const plan = ['-k', '5', '--oversample', '2,4', '--prefilter', '40,100', '--json'];
  const args = ['--queries', path('queries.npy'), '--exact', path('docs.npy'), ...plan];
  const run = await nestbit('evaluate', '--store', uri, ...args);
  expect(run).toMatchObject({ status: 0, err: '' });
  const expected = await evaluate({
    codec: parseCodec(readFileSync(path('codec.json'), 'utf8')),
    docs: [docs],
    queries,
    k: 5,
    oversample: [2, 4],
    prefilter: [40, 100],
  });
  const measured = JSON.parse(run.out) as Evaluation;
  const order = (results: Evaluation['results']): string[] =>
    results.map((result) => JSON.stringify({ ...result, recall: result.recall.toFixed(9) })).sort();
  expect(order(measured.results)).toEqual(order(expected.results));
});

test('evaluate --store refuses documents that are not those of the store', async () => {
  const uri = `faiss:${path('others')}`;
  writeFileSync(
    path('other.jsonl'),
    `{"id":"x","embedding":${JSON.stringify([...docs.subarray(0, WIDTH)])}}\n`,
  );
  await nestbit('ingest', path('other.jsonl'), '--store', uri, '--codec', path('codec.json'));
  const args = ['--queries', path('queries.npy'), '--exact', path('docs.npy')];
  const run = await nestbit('evaluate', '--store', uri, ...args);
  expect(run.status).toBe(1);
  expect(run.err).toMatch(/DATASET_INVALID: The store holds none of the exact hits \(such as \d+\)/);
  expect((await nestbit('evaluate', path('docs.npy'), ...args)).status).toBe(2);
  expect((await nestbit('evaluate', '--queries', path('queries.npy'))).status).toBe(2);
});

function nearestRows(query: Float32Array, count: number): number[] {
  const scores = Array.from({ length: ROWS }, (_, row) => {
    let score = 0;
    for (let i = 0; i < WIDTH; i++) score += query[i] * docs[row * WIDTH + i];
    return { row, score };
  });
  scores.sort((a, b) => b.score - a.score);
  return scores.slice(0, count).map(({ row }) => row);
}
