// bench:memory [--rows 1000000] [--dimensions 1024]: what opening and searching a flat store adds to a process's
// resident memory. Its rows are generated and stored by another process, as a stream.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { calibrate } from '@nestbit/core';
import { ClusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';

const BATCH = 8192;
const QUERIES = 200;
const MIB = 2 ** 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '1000000' },
    dimensions: { type: 'string', default: '1024' },
  },
});
const rows = Number(values.rows);
const dimensions = Number(values.dimensions);

async function fill(path: string): Promise<void> {
  const stream = new ClusteredVectors(dimensions, 4096);
  const sample = stream.take(BATCH);
  const codec = (await calibrate([sample], { inputDimensions: dimensions })).codec();
  const store = await FaissStore.create(path, { codec });
  const started = performance.now();
  for (let row = 0; row < rows; row += BATCH) {
    const embeddings = row === 0 ? sample : stream.take(Math.min(BATCH, rows - row));
    const ids = Array.from({ length: embeddings.length / dimensions }, (_, i) => BigInt(row + i));
    await store.upsert({ ids, embeddings });
  }
  const seconds = (performance.now() - started) / 1000;
  const { bytes } = await store.stats();
  await store.close();
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(
    `  filled in ${seconds.toFixed(0)} s, generation included, at most ${peak.toFixed(0)} MiB resident`,
  );
  const perMillion = (value: number): string => `${((value / rows) * (1e6 / MIB)).toFixed(0)} MiB`;
  const parts = Object.entries(bytes).map(([part, value]) => `${part} ${perMillion(value)}`);
  console.log(`  on disk, a million rows: ${parts.join(', ')}`);
}

async function ask(path: string): Promise<void> {
  const queries = new ClusteredVectors(dimensions, 4096).take(QUERIES);
  const before = process.memoryUsage.rss();
  const store = await FaissStore.open(path, { readOnly: true });
  const opened = process.memoryUsage.rss();
  let best = 0;
  const started = performance.now();
  for (let query = 0; query < QUERIES; query++) {
    const [hits] = await store.search(queries.subarray(query * dimensions, (query + 1) * dimensions));
    // The queries are the first rows: each finds itself.
    if (hits[0].id === BigInt(query)) best++;
  }
  const each = (performance.now() - started) / QUERIES;
  const searched = process.memoryUsage.rss();
  await store.close();
  const added = (value: number): string => `${((value - before) / MIB).toFixed(0)} MiB`;
  console.log(
    `  opened: ${added(opened)} more; after ${QUERIES} searches: ${added(searched)} more ` +
      `(${each.toFixed(1)} ms each, ${best} found themselves)`,
  );
}

if (positionals.length === 2) {
  await (positionals[0] === 'fill' ? fill : ask)(positionals[1]);
} else {
  const folder = await mkdtemp(join(tmpdir(), 'nestbit-memory-'));
  try {
    console.log(`${rows} rows of ${dimensions} dimensions, flat`);
    for (const step of ['fill', 'ask']) {
      const args = ['--rows', String(rows), '--dimensions', String(dimensions), step, join(folder, 'store')];
      execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...args], { stdio: 'inherit' });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
