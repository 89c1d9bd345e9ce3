// bench:two-stage [--rows 1000000] [--clusters 4096] [--index flat,ivf,hnsw]: a store of clustered unit vectors of
// 1024 dimensions through its public methods, beside exact float search (faiss IndexFlatIP) in the same run, each
// on one thread: recall@10 and milliseconds a query over the parameters of flat, IVF and HNSW; and rows a second
// of ingest, seconds to build, lateness of timers.
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { calibrate } from '@nestbit/core';
import { ClusteredVectors, lateness } from '@nestbit/core/testing';
import { type FaissSearchOptions, FaissStore, type StoreIndex } from '@nestbit/faiss-adapter';
import { addon } from '@nestbit/faiss-adapter/addon';
import { ExactIndex, recallOf } from './exact.ts';
import { median, quantile } from './support.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    clusters: { type: 'string', default: '4096' },
    index: { type: 'string', default: 'flat,ivf,hnsw' },
  },
});
const ROWS = Number(values.rows);
const CLUSTERS = Number(values.clusters);
const DIMENSIONS = 1024;
const BATCH = 8192;
const QUERIES = 500;
const EXACT_QUERIES = 100;
const K = 10;

const settings: Record<StoreIndex['kind'], FaissSearchOptions[]> = {
  flat: [{ k: K, oversample: 5, prefilter: 100 }, { k: K, oversample: 10, prefilter: 400 }, { k: K }],
  ivf: [4, 8, 16, 32].flatMap((probes) => [
    { k: K, probes, oversample: 5, prefilter: 200 },
    { k: K, probes, oversample: 10, prefilter: 400 },
    { k: K, probes },
  ]),
  hnsw: [64, 128, 256, 512].flatMap((efSearch) => [
    { k: K, efSearch, oversample: 5, prefilter: Math.min(200, efSearch) },
    { k: K, efSearch, oversample: 10, prefilter: efSearch },
    { k: K, efSearch },
  ]),
};

const stream = new ClusteredVectors(DIMENSIONS, CLUSTERS);
const queries = Array.from({ length: QUERIES }, () => stream.take(1));
const batches: Float32Array[] = [];
for (let row = 0; row < ROWS; row += BATCH) batches.push(stream.take(Math.min(BATCH, ROWS - row)));
const exact = new ExactIndex(DIMENSIONS);
for (const batch of batches) exact.add(batch);
const { hits, times } = exact.search(queries, K);
const float = median(times.slice(0, EXACT_QUERIES));
console.log(
  `${cpus()[0]?.model}, kernel ${addon().kernel}, Node ${process.versions.node}: ${ROWS} × ${DIMENSIONS} in ` +
    `${CLUSTERS} clusters, ${QUERIES} queries, k = ${K}, one thread`,
);
console.log(`exact float, faiss IndexFlatIP: p50 ${float.toFixed(2)} ms`);
const codec = (await calibrate(batches.slice(0, 8), { inputDimensions: DIMENSIONS })).codec();

async function timed(what: string, run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  const { latest, own } = await lateness(run);
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `  ${what}: ${seconds.toFixed(1)} s, ${Math.round(ROWS / seconds)} rows/s; timers late by at most ` +
      `${latest.toFixed(1)} ms (${own.toFixed(1)} ms of their own)`,
  );
  return seconds;
}

async function ingest(store: FaissStore): Promise<void> {
  const pending: Promise<void>[] = [];
  for (const [i, embeddings] of batches.entries()) {
    const ids = Array.from({ length: embeddings.length / DIMENSIONS }, (_, j) => BigInt(i * BATCH + j));
    pending.push(store.upsert({ ids, embeddings }));
    if (pending.length > 2) await pending.shift();
  }
  await Promise.all(pending);
}

async function searches(store: FaissStore, options: FaissSearchOptions): Promise<void> {
  const found: number[][] = [];
  const each: number[] = [];
  for (const query of queries) {
    const started = performance.now();
    const [answer] = await store.search(query, options);
    each.push(performance.now() - started);
    found.push(answer.map(({ id }) => Number(id)));
  }
  const all = new Float32Array(QUERIES * DIMENSIONS);
  for (const [i, query] of queries.entries()) all.set(query, i * DIMENSIONS);
  const started = performance.now();
  await store.search(all, options);
  const batched = (performance.now() - started) / QUERIES;
  const name = Object.entries(options)
    .filter(([key]) => key !== 'k' && key !== 'threads')
    .map(([key, value]) => `${key} ${value}`)
    .join(', ');
  console.log(
    `  ${(name || 'defaults').padEnd(46)} recall@10 ${recallOf(hits, found).toFixed(4)}` +
      `  p50 ${median(each).toFixed(3)} p99 ${quantile(each, 0.99).toFixed(3)} ms` +
      `  in batches ${batched.toFixed(3)} ms  ${(float / median(each)).toFixed(0)} × float`,
  );
}

for (const kind of values.index.split(',') as StoreIndex['kind'][]) {
  const folder = await mkdtemp(join(tmpdir(), 'nestbit-bench-'));
  try {
    console.log(kind);
    const store = await FaissStore.create(join(folder, 'store'), { codec, index: { kind }, tail: ROWS });
    await timed('ingest', () => ingest(store));
    if (kind !== 'flat') await timed('index', () => store.index());
    await store.search(queries[0], { k: K, threads: 1 });
    const late = await lateness(async () => {
      for (const options of settings[kind]) await searches(store, { ...options, threads: 1 });
    });
    console.log(`  searches: timers late by at most ${late.latest.toFixed(1)} ms`);
    await timed('compaction', () => store.compact());
    await store.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
