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
const K = 10;

// Bytes of int8 copies that stay mapped: the default, and enough for all that the queries touch.
const MEMORIES = [undefined, 4 * 2 ** 30];
const budgets = [
  { oversample: 5, prefilter: 100 },
  { oversample: 10, prefilter: 200 },
  { oversample: 15, prefilter: 300 },
  { oversample: 20, prefilter: 400 },
  {},
];
const settings: Record<StoreIndex['kind'], FaissSearchOptions[]> = {
  flat: budgets,
  ivf: [1, 2, 4, 16].flatMap((probes) => budgets.map((budget) => ({ probes, ...budget }))),
  hnsw: [100, 150, 200, 300, 500].flatMap((efSearch) =>
    budgets
      .filter(({ prefilter }) => (prefilter ?? 1000) <= 2 * efSearch)
      .map((budget) => ({ efSearch, ...budget })),
  ),
};

const stream = new ClusteredVectors(DIMENSIONS, CLUSTERS);
const queries = stream.take(QUERIES);
const batches: Float32Array[] = [];
for (let row = 0; row < ROWS; row += BATCH) batches.push(stream.take(Math.min(BATCH, ROWS - row)));
const exact = new ExactIndex(DIMENSIONS);
for (const batch of batches) exact.add(batch);
const { hits, time: float } = exact.search(queries, K);
exact.reset();
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
  const asked = { ...options, k: K, threads: 1 };
  const found: number[][] = [];
  const each: number[] = [];
  for (let query = 0; query < QUERIES; query++) {
    const started = performance.now();
    const [answer] = await store.search(
      queries.subarray(query * DIMENSIONS, (query + 1) * DIMENSIONS),
      asked,
    );
    each.push(performance.now() - started);
    found.push(answer.map(({ id }) => Number(id)));
  }
  const started = performance.now();
  await store.search(queries, asked);
  const batched = (performance.now() - started) / QUERIES;
  const name = Object.entries(options)
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
    const path = join(folder, 'store');
    const store = await FaissStore.create(path, { codec, index: { kind }, tail: ROWS });
    await timed('ingest', () => ingest(store));
    if (kind !== 'flat') await timed('index', () => store.index());
    await timed('compaction', () => store.compact());
    await store.close();
    for (const int8Memory of MEMORIES) {
      console.log(
        `  ${int8Memory === undefined ? 'default int8Memory' : `int8Memory ${int8Memory / 2 ** 30} GiB`}`,
      );
      const reader = await FaissStore.open(path, { readOnly: true, ...(int8Memory && { int8Memory }) });
      await reader.search(queries, { k: K });
      const { latest, own } = await lateness(async () => {
        for (const options of settings[kind]) await searches(reader, options);
      });
      console.log(
        `  searches: timers late by at most ${latest.toFixed(1)} ms (${own.toFixed(1)} ms of their own)`,
      );
      await reader.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
