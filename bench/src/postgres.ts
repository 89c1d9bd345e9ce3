// bench:postgres [--rows 100000] [--clusters n] [--m 12] [--ef-construction 56] [--float]: a PgStore of unit vectors of
// 1024 dimensions, nested as texts are (or in n clusters apart), beside what one would write by hand, in one run: rows a
// second of its load beside a bare COPY of ready codes; milliseconds and recall@10 of searches beside the same statement
// by hand; the index beside a float HNSW index (--float, slow).
import { once } from 'node:events';
import { cpus } from 'node:os';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { type Codec, calibrate, ExactSearch } from '@nestbit/core';
import { ClusteredVectors, NestedVectors } from '@nestbit/core/testing';
import { type PgSearchOptions, PgStore } from '@nestbit/pg-adapter';
import { bitParameter } from '@nestbit/pg-adapter/bits';
import pg from 'pg';
import copy from 'pg-copy-streams';
import { recallOf } from './exact.ts';
import { searchByHand } from './postgres-by-hand.ts';
import type { ClientKind } from './postgres-client.ts';
import { floatIndex } from './postgres-float.ts';
import { median } from './support.ts';

const DIMENSIONS = 1024;
const BATCH = 8192;
const QUERIES = 200;
const K = 10;
/** Of both loads in turn, after one that does not count. */
const ROUNDS = 3;
const CLIENTS = 16;
/** Of the clients. */
const THREADS = 4;
/** Of each of many clients in a round. */
const SEARCHES = 100;
const CLIENT_ROUNDS = 7;
/** Of separate clusters: a spectrum like that of bge-m3's embeddings of real text. */
const DECAY = 0.45;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    clusters: { type: 'string' },
    m: { type: 'string' },
    'ef-construction': { type: 'string' },
    float: { type: 'boolean', default: false },
  },
});
const ROWS = Number(values.rows);
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: CLIENTS });
await pool.query('create extension if not exists vector');

const stream =
  values.clusters === undefined
    ? new NestedVectors(DIMENSIONS)
    : new ClusteredVectors(DIMENSIONS, Number(values.clusters), 1, DECAY);
const queries = stream.take(QUERIES);
const batches: Float32Array[] = [];
for (let row = 0; row < ROWS; row += BATCH) batches.push(stream.take(Math.min(BATCH, ROWS - row)));
const exact = new ExactSearch(queries, DIMENSIONS, K);
for (const [i, batch] of batches.entries()) exact.add(i * BATCH, batch);
const truth = exact.hits().map(({ rows }) => new Set(rows));
const codec = (await calibrate(batches.slice(0, 4), { inputDimensions: DIMENSIONS })).codec();
const { rows: version } = await pool.query<{ server: string; vector: string }>(
  `select current_setting('server_version') as server, (select extversion from pg_extension where extname = 'vector') as vector`,
);
console.log(
  `${cpus()[0]?.model}, PostgreSQL ${version[0].server}, pgvector ${version[0].vector}, Node ${process.versions.node}: ` +
    `${ROWS} × ${DIMENSIONS}, ${values.clusters ? `${values.clusters} clusters` : 'nested'}, ${QUERIES} queries, k = ${K}`,
);

const pieces = readyCodes(codec);
const rates: { bare: number; ours: number }[] = [];
let store: PgStore;
for (let round = 0; ; round++) {
  const bare = await bareCopy();
  store = await PgStore.create(pool, { name: 'bench', codec, idType: 'bigint' });
  const ours = await load();
  // The first round also makes the server's files and warms both programs up.
  if (round > 0) rates.push({ bare, ours });
  if (round === ROUNDS) break;
  await store.drop();
}
const bare = median(rates.map((rate) => rate.bare));
const ours = median(rates.map((rate) => rate.ours));
console.log(
  `load: ${Math.round(ours)} rows/s with the codec, bare COPY of ready codes ${Math.round(bare)} = ` +
    `${median(rates.map((rate) => rate.ours / rate.bare)).toFixed(2)} × (medians of ${ROUNDS} rounds)`,
);

const building = performance.now();
const { m, 'ef-construction': efConstruction } = values;
const index = await store.buildIndex({
  kind: 'hnsw',
  ...(m && { m: Number(m) }),
  ...(efConstruction && { efConstruction: Number(efConstruction) }),
});
const built = (performance.now() - building) / 1000;
console.log(`index: ${built.toFixed(1)} s, ${(index.bytes / 2 ** 20).toFixed(0)} MiB`);
await pool.query('analyze');

await byHand(100);
for (const candidates of [100, 200, 400, 1000, 3000]) {
  await searches(`${candidates} candidates`, { oversample: candidates / K, prefilter: candidates });
}
await searches('defaults', {});
await searches('exact scan, 400 > 200', { exact: true, prefilter: 400 }, 10);
for (const kind of ['by hand', 'plain pool', 'reusing sockets'] as const) await clients(kind);
if (values.float) await beside();
await pool.end();

/** Rows a second of upserts, three of them under way. */
async function load(): Promise<number> {
  const started = performance.now();
  const underWay: Promise<void>[] = [];
  for (const [i, embeddings] of batches.entries()) {
    const ids = Array.from({ length: embeddings.length / DIMENSIONS }, (_, j) => BigInt(i * BATCH + j));
    underWay.push(store.upsert({ ids, embeddings }));
    if (underWay.length > 2) await underWay.shift();
  }
  await Promise.all(underWay);
  return ROWS / ((performance.now() - started) / 1000);
}

/** All rows as COPY BINARY takes them. */
function readyCodes(made: Codec): Buffer[] {
  const pieces: Buffer[] = [Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')];
  for (const [i, batch] of batches.entries()) {
    const { rows, bits, scalars, copies } = made.encode(batch);
    const { layout } = made;
    const fields = layout.scalars === 0 ? 5 : 6;
    const tuple = 2 + 4 * fields + 8 + 8 + 4 + layout.bits + layout.scalars + layout.copy;
    const bytes = Buffer.alloc(rows * tuple);
    for (let row = 0, at = 0; row < rows; row++) {
      at = bytes.writeInt16BE(fields, at);
      for (let column = 0; column < 2; column++)
        at = bytes.writeBigInt64BE(BigInt(i * BATCH + row), bytes.writeInt32BE(8, at));
      at = bytes.writeInt32BE(4 + DIMENSIONS / 8, at);
      at += bitParameter(bits.subarray((row * DIMENSIONS) / 8, ((row + 1) * DIMENSIONS) / 8)).copy(bytes, at);
      for (const [all, width] of [
        [scalars, layout.scalars],
        [copies, layout.copy],
      ] as const) {
        if (width === 0) continue;
        at = bytes.writeInt32BE(width, at);
        bytes.set(all.subarray(row * width, (row + 1) * width), at);
        at += width;
      }
      at = bytes.writeInt32BE(-1, at);
    }
    pieces.push(bytes);
  }
  pieces.push(Buffer.from([0xff, 0xff]));
  return pieces;
}

/** Rows a second of COPY BINARY with codes that are there already. */
async function bareCopy(): Promise<number> {
  await pool.query(
    `create table bare (id bigint primary key, seq bigint not null, bits bit(${DIMENSIONS}) not null,
       ${codec.layout.scalars === 0 ? '' : 'scalars smallint not null,'} copy bytea not null, payload jsonb)`,
  );
  const client = await pool.connect();
  const begun = performance.now();
  const sink = client.query(copy.from('copy bare from stdin (format binary)'));
  for (const piece of pieces) if (!sink.write(piece)) await once(sink, 'drain');
  sink.end();
  await finished(sink);
  const seconds = (performance.now() - begun) / 1000;
  client.release();
  await pool.query('drop table bare');
  return ROWS / seconds;
}

function query(i: number): Float32Array {
  return queries.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS);
}

async function byHand(candidates: number): Promise<void> {
  const client = await pool.connect();
  await measure(`by hand, ${candidates} candidates`, QUERIES, (i) =>
    searchByHand(client, codec, query(i), candidates, K),
  );
  client.release();
}

async function searches(name: string, options: PgSearchOptions, count = QUERIES): Promise<void> {
  const { plan, usesIndex } = await store.explain(query(0), { k: K, ...options });
  const how = `${name} (${plan}, the server ${usesIndex ? 'reads' : 'does not read'} the index)`;
  await measure(how, count, async (i) => {
    const [hits] = await store.search(query(i), { k: K, ...options });
    return hits.map(({ id }) => Number(id));
  });
}

/** Prints what the first queries take, one after the other, and how many of the exact hits they find. */
async function measure(
  name: string,
  count: number,
  search: (query: number) => Promise<number[]>,
): Promise<void> {
  const times: number[] = [];
  const found: number[][] = [];
  for (let i = 0; i < count; i++) {
    const begun = performance.now();
    found.push(await search(i));
    times.push(performance.now() - begun);
  }
  const recall = recallOf(truth.slice(0, count), found);
  console.log(`${name.padEnd(62)} p50 ${median(times).toFixed(2)} ms  recall@${K} ${recall.toFixed(4)}`);
}

/** Searches a second of one client and of many, in threads of their own, in turn. */
async function clients(kind: ClientKind): Promise<void> {
  const one = clientThreads(1, 1, kind);
  const many = clientThreads(THREADS, CLIENTS / THREADS, kind);
  // Connections that the server has to get ready first.
  for (const threads of [one, many]) await searchesOf(threads, SEARCHES);
  const found: { alone: number; together: number }[] = [];
  for (let round = 0; round < CLIENT_ROUNDS; round++) {
    const alone = (SEARCHES * 4) / (await searchesOf(one, SEARCHES * 4));
    found.push({ alone, together: (SEARCHES * CLIENTS) / (await searchesOf(many, SEARCHES)) });
  }
  for (const threads of [one, many]) await searchesOf(threads, 0);
  console.log(
    `${kind}: 1 client ${median(found.map(({ alone }) => alone)).toFixed(0)} searches/s, ` +
      `${CLIENTS} clients ${median(found.map(({ together }) => together)).toFixed(0)} = ` +
      `${median(found.map(({ alone, together }) => together / alone)).toFixed(2)} × (medians of ${CLIENT_ROUNDS} rounds)`,
  );
}

function clientThreads(threads: number, each: number, kind: ClientKind): Worker[] {
  const workerData = { url: process.env['DATABASE_URL'], queries, clients: each, kind };
  return Array.from(
    { length: threads },
    () => new Worker(new URL('./postgres-client.js', import.meta.url), { workerData }),
  );
}

/** Seconds that so many searches of each client take. */
async function searchesOf(threads: readonly Worker[], times: number): Promise<number> {
  const begun = performance.now();
  const done = threads.map((thread) => once(thread, 'message'));
  for (const thread of threads) thread.postMessage(times);
  await Promise.all(done);
  return (performance.now() - begun) / 1000;
}

/** The float index that bits stand for. */
async function beside(): Promise<void> {
  const floats = await floatIndex(pool, DIMENSIONS, batches);
  console.log(
    `float HNSW index: ${floats.seconds.toFixed(1)} s = ${(floats.seconds / built).toFixed(1)} × ours, ` +
      `${(floats.bytes / 2 ** 20).toFixed(0)} MiB = ${(floats.bytes / index.bytes).toFixed(1)} × ours`,
  );
  await measure('float HNSW, beam 100', QUERIES, (i) => floats.search(query(i), K));
}
