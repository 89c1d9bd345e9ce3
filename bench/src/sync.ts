// bench:sync [--rows 200000] [--dimensions 256] [--rate 10000] [--seconds 60]: updates at an even pace on a table whose codes
// follow it, by SyncWorker in this process: how far they fall behind, how long the queue takes to drain afterwards,
// whether a code ever went back, and what the trigger costs a writer, with and without it in the same run.
import { once } from 'node:events';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { ClusteredVectors } from '@nestbit/core/testing';
import { PgStore, Shrink, SyncWorker } from '@nestbit/pg-adapter';
import pg from 'pg';
import { quantile } from './support.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    dimensions: { type: 'string', default: '256' },
    rate: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '60' },
    index: { type: 'boolean', default: false },
  },
});
const ROWS = Number(values.rows);
const DIMENSIONS = Number(values.dimensions);
const RATE = Number(values.rate);
const SECONDS = Number(values.seconds);
const VECTORS = 1000;
const WATCHED = 500;
const CLIENTS = 4;
const url = process.env['DATABASE_URL'] as string;
const pool = new pg.Pool({ connectionString: url });
await pool.query('create extension if not exists vector');

interface Load {
  readonly updates: number;
  readonly seconds: number;
  readonly times: number[];
  readonly longest: number;
}

function load(rate: number, seconds: number): Promise<Load> {
  const worker = new Worker(new URL('./sync-load.js', import.meta.url), {
    workerData: { url, rows: ROWS, rate, seconds, clients: CLIENTS, vectors: VECTORS },
  });
  return once(worker, 'message').then(([said]) => said as Load);
}

const { rows: version } = await pool.query<{ server: string }>(
  `select current_setting('server_version') as server`,
);
console.log(
  `${cpus()[0]?.model}, PostgreSQL ${version[0].server}, Node ${process.versions.node}: ${ROWS} × ${DIMENSIONS}`,
);
const all = new ClusteredVectors(DIMENSIONS, 50, 1).take(VECTORS);
await pool.query(`create table vectors (number int primary key, embedding vector(${DIMENSIONS}))`);
for (let number = 0; number < VECTORS; number++)
  await pool.query('insert into vectors values ($1, $2)', [
    number,
    `[${all.subarray(number * DIMENSIONS, (number + 1) * DIMENSIONS).join(',')}]`,
  ]);
await pool.query(`create table items (id bigint primary key, embedding vector(${DIMENSIONS}))`);
await pool.query(
  `insert into items select i, v.embedding from generate_series(0, ${ROWS - 1}) i join vectors v on v.number = (i * 7) % ${VECTORS}`,
);
await pool.query('vacuum analyze items');
const shrink = new Shrink(pool, { table: 'items', column: 'embedding' });
await shrink.start({ index: values.index ? { kind: 'hnsw' } : 'none' });
const store = await PgStore.open(pool, { name: 'items' });

// The trigger's cost, in turns, nobody working.
const rates = { without: [] as number[], with: [] as number[] };
for (let round = 0; round < 3; round++) {
  for (const kind of ['without', 'with'] as const) {
    await pool.query(`alter table items ${kind === 'with' ? 'enable' : 'disable'} trigger user`);
    const { updates, seconds } = await load(0, 4);
    rates[kind].push(updates / seconds);
  }
}
const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
console.log(
  `writers at full speed: ${Math.round(mean(rates.without))} updates/s without the trigger, ${Math.round(mean(rates.with))} with it = ` +
    `${(mean(rates.with) / mean(rates.without)).toFixed(2)} ×`,
);
// Rows and their counters as the load begins with them.
await pool.query(
  `update items i set embedding = v.embedding from vectors v where v.number = (i.id * 7) % ${VECTORS}`,
);
const worker = await SyncWorker.open(pool, {
  store: 'items',
  onError: (error) => console.error(error.message),
});
const emptied = performance.now();
const { written } = await worker.drain();
console.log(
  `a full queue: ${written} rows in ${((performance.now() - emptied) / 1000).toFixed(1)} s = ${Math.round(written / ((performance.now() - emptied) / 1000))} rows/s`,
);
await pool.query('vacuum analyze items');

// The code of each vector, to tell from a row's code how often it had been updated when that was made.
const numbers = new Map<string, number>();
const { bits, copies } = store.codec.encode(all);
const keyOf = (b: Uint8Array, c: Uint8Array): string =>
  `${Buffer.from(b).toString('hex')}${Buffer.from(c.buffer, c.byteOffset, c.length).toString('hex')}`;
// Bytes of a copy depend on the codec.
const stride = copies.length / VECTORS;
for (let number = 0; number < VECTORS; number++)
  numbers.set(
    keyOf(
      bits.subarray((number * DIMENSIONS) / 8, ((number + 1) * DIMENSIONS) / 8),
      copies.slice(number * stride, (number + 1) * stride),
    ),
    number,
  );
const watched = Array.from({ length: WATCHED }, (_, i) => BigInt(Math.floor((i * ROWS) / WATCHED)));
const seen = new Map<bigint, number>();
let looks = 0;
let wentBack = 0;
async function watch(): Promise<void> {
  for (const row of await store.get(watched)) {
    if (row === undefined) continue;
    const id = row.id as bigint;
    const number = numbers.get(keyOf(row.bits, row.copy));
    if (number === undefined) throw new Error(`the code of row ${id} is that of no vector`);
    const updates = (((number - Number(id) * 7) % VECTORS) + VECTORS) % VECTORS;
    if (updates < (seen.get(id) ?? 0)) wentBack++;
    seen.set(id, updates);
    looks++;
  }
}

let deepest = 0;
let oldest = 0;
let over = false;
worker.start();
const watching = (async () => {
  while (!over) {
    await watch();
    const { queue } = await worker.metrics();
    deepest = Math.max(deepest, queue.depth);
    oldest = Math.max(oldest, queue.oldestSeconds);
    await sleep(250);
  }
})();
const done = await load(RATE, SECONDS);
const ended = performance.now();
const { queue: left } = await worker.metrics();
await worker.drain();
const drained = (performance.now() - ended) / 1000;
over = true;
await watching;
await watch();
await worker.stop();
console.log(
  `${done.updates} updates in ${done.seconds.toFixed(1)} s = ${Math.round(done.updates / done.seconds)}/s, of 100 rows p50 ${quantile(done.times, 0.5).toFixed(1)} ms, ` +
    `p99 ${quantile(done.times, 0.99).toFixed(1)} ms`,
);
console.log(
  `queue: at most ${deepest} rows, oldest ${oldest.toFixed(2)} s; ${left.depth} rows when the load ended, drained in ${drained.toFixed(2)} s; ` +
    `${worker.counts.written - written} codes written, ${worker.counts.encodeSeconds.toFixed(1)} s of encoding`,
);
console.log(
  `order: ${looks} looks at ${WATCHED} rows (up to ${done.longest} updates of one), ${wentBack} went back`,
);
const { ok, parity } = await shrink.verify({ queries: 0 });
console.log(`verify: ${ok ? 'every code is that of its row' : JSON.stringify(parity).slice(0, 400)}`);
await pool.end();
if (!ok || wentBack > 0) process.exitCode = 1;
