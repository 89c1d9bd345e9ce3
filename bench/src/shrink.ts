// bench:shrink [--rows 200000] [--rate 4000]: a table of vectors of 1024 dimensions, shrunk twice. First in quiet: what the plan foresaw
// beside what happened, and the backfill's rows a second beside merely copying the vectors out, five times. Then, held back to a rate, while 4
// clients insert, update, delete and search without pause: their p99 beside that of before, locks on the table, and at the end every
// row's code beside its current vector.
import { once } from 'node:events';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { parseCodec } from '@nestbit/core';
import { ClusteredVectors } from '@nestbit/core/testing';
import { PgStore, Shrink, type ShrinkMaking } from '@nestbit/pg-adapter';
import pg from 'pg';
import copy from 'pg-copy-streams';
import { copyFloats } from './float-table.ts';
import { LockWatch } from './shrink-locks.ts';
import { median, quantile } from './support.ts';

const DIMENSIONS = 1024;
const BATCH = 1024;
const CLIENTS = 4;
const BEFORE_SECONDS = 15;
/** Backfills beside COPY: the one of the whole migration, and others without an index. */
const ROUNDS = 5;
/** The first range is told when it is done: the step begins with the one before. */
const BACKFILL = ['sync', 'sweep'] as const;
const { values } = parseArgs({
  options: { rows: { type: 'string', default: '200000' }, rate: { type: 'string', default: '4000' } },
});
const ROWS = Number(values.rows);
const url = process.env['DATABASE_URL'] as string;
const pool = new pg.Pool({ connectionString: url, max: 10, application_name: 'nestbit' });
await pool.query('create extension if not exists vector');
const version = await pool.query(
  `select current_setting('server_version') as server, (select extversion from pg_extension where extname = 'vector') as vector`,
);
console.log(
  `${cpus()[0]?.model}, PostgreSQL ${version.rows[0].server}, pgvector ${version.rows[0].vector}, Node ${process.versions.node}: ` +
    `${ROWS} × ${DIMENSIONS} as vector`,
);

const stream = new ClusteredVectors(DIMENSIONS, ROWS / 250, 1, 0.45);
await load();
await pool.query(`create index on docs using ivfflat (embedding vector_cosine_ops) with (lists = 400)`);
await pool.query('vacuum analyze docs');
// What the load left to be written is not written beside what is measured.
await pool.query('checkpoint');
const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });

await quiet();
await busy();
await pool.end();

async function load(): Promise<void> {
  await pool.query(
    `create table docs (id bigint primary key, title text default 'title', embedding vector(${DIMENSIONS}))`,
  );
  const client = await pool.connect();
  await copyFloats(client, 'docs', DIMENSIONS, batches());
  client.release();
}

function* batches(): Generator<Float32Array> {
  for (let row = 0; row < ROWS; row += BATCH) yield stream.take(Math.min(BATCH, ROWS - row));
}

/** Rows a second at which the vectors can be copied out and thrown away. */
async function copiedOut(): Promise<number> {
  const client = await pool.connect();
  const begun = performance.now();
  const source = client.query(copy.to('copy (select id, embedding from docs) to stdout (format binary)'));
  for await (const _ of source);
  client.release();
  return ROWS / ((performance.now() - begun) / 1000);
}

/** When each step of a migration began, in ms, and the backfill's rows a second beside those of merely copying out. */
async function besideCopy(
  options: ShrinkMaking,
): Promise<{ times: Map<string, number>; rate: number; ratio: number }> {
  const out = [await copiedOut()];
  const times = new Map<string, number>();
  let step = '';
  await shrink.start({
    ...options,
    onProgress: (told) => {
      if (told.step !== step) times.set(told.step, performance.now());
      step = told.step;
    },
  });
  out.push(await copiedOut());
  const rate = ROWS / secondsOf(times, ...BACKFILL);
  const ratio = rate / ((out[0] + out[1]) / 2);
  console.log(
    `backfill: ${Math.round(rate)} rows/s; COPY out alone ${out.map((one) => Math.round(one)).join(' and ')} = ${ratio.toFixed(2)} ×`,
  );
  return { times, rate, ratio };
}

function secondsOf(times: Map<string, number>, from: string, to: string): number {
  return ((times.get(to) ?? 0) - (times.get(from) ?? 0)) / 1000;
}

async function quiet(): Promise<void> {
  // What follows reads what the cache lacks.
  await copiedOut();
  const planning = performance.now();
  const plan = await shrink.plan();
  console.log(`plan: ${((performance.now() - planning) / 1000).toFixed(1)} s`);
  const whole = await besideCopy({});
  const { times } = whole;
  const { bytes } = await (await PgStore.open(pool, { name: 'docs' })).stats();
  const real = bytes.codes + bytes.bits + bytes.keys + bytes.index;
  console.log(
    `plan beside what happened: bytes ${plan.bytes.added.total} and ${real} = ${(plan.bytes.added.total / real).toFixed(3)} ×; ` +
      `backfill ${plan.seconds.backfill.toFixed(1)} and ${secondsOf(times, ...BACKFILL).toFixed(1)} s; ` +
      `index ${plan.seconds.index.toFixed(1)} and ${secondsOf(times, 'index', 'ready').toFixed(1)} s`,
  );
  const verifying = performance.now();
  const { ok, recall } = await shrink.verify();
  console.log(
    `verify: ${ok ? 'every code is right' : 'CODES ARE WRONG'}, recall@10 ${recall?.codes.recall.toFixed(4)} of ${recall?.codes.queries} queries, ` +
      `p50 ${recall?.codes.p50.toFixed(1)} ms (floats ${recall?.floats?.recall.toFixed(4)}, ${recall?.floats?.p50.toFixed(1)} ms); ${((performance.now() - verifying) / 1000).toFixed(1)} s`,
  );
  await shrink.rollback();
  const rounds = [whole];
  while (rounds.length < ROUNDS) {
    rounds.push(await besideCopy({ index: 'none' }));
    await shrink.rollback();
  }
  console.log(
    `backfill, median of ${ROUNDS} rounds: ${Math.round(median(rounds.map(({ rate }) => rate)))} rows/s = ` +
      `${median(rounds.map(({ ratio }) => ratio)).toFixed(2)} × COPY out alone`,
  );
}

async function busy(): Promise<void> {
  const fresh = Array.from({ length: 200 }, () => `[${stream.take(1).join(',')}]`);
  const clients = Array.from(
    { length: CLIENTS },
    (_, client) =>
      new Worker(new URL('./shrink-client.js', import.meta.url), {
        workerData: { url, rows: ROWS, client, vectors: fresh },
      }),
  );
  await Promise.all(clients.map((client) => once(client, 'message')));
  const told = async (what: 'go on' | 'stop'): Promise<Record<string, number[]>> => {
    const answers = clients.map((client) => once(client, 'message'));
    for (const client of clients) client.postMessage(what);
    const all: Record<string, number[]> = {};
    for (const [times] of await Promise.all(answers)) {
      for (const [key, list] of Object.entries(times as Record<string, number[]>))
        all[key] = [...(all[key] ?? []), ...list];
    }
    return all;
  };
  await sleep(3000);
  await told('go on');
  await sleep(BEFORE_SECONDS * 1000);
  const before = await told('go on');
  const locks = await LockWatch.start(url, 'docs');
  let begunAnew = false;
  let during: Promise<Record<string, number[]>> | undefined;
  const begun = performance.now();
  await shrink.start({
    rowsPerSecond: Number(values.rate),
    workers: 1,
    onProgress: ({ step }) => {
      // The calibration before the backfill is not counted.
      if (step === 'backfill' && !begunAnew) {
        begunAnew = true;
        void told('go on');
      }
      if (step === 'sweep') during ??= told('go on');
    },
  });
  const took = (performance.now() - begun) / 1000;
  const waits = await locks.stop();
  const after = await told('stop');
  await Promise.all(clients.map((client) => once(client, 'exit')));
  const backfilled = await during;
  for (const what of Object.keys(before)) {
    const [b, d, a] = [before, backfilled ?? {}, after].map((all) => quantile(all[what], 0.99));
    console.log(
      `${what.padEnd(6)} p99 ${b.toFixed(1)} ms before (${before[what].length} calls), ${d.toFixed(1)} during the backfill ` +
        `= ${(d / b).toFixed(2)} ×, ${a.toFixed(1)} during the index build`,
    );
  }
  const all = (times: Record<string, number[]>): number => quantile(Object.values(times).flat(), 0.99);
  console.log(
    `all    p99 ${all(before).toFixed(1)} ms before, ${all(backfilled ?? {}).toFixed(1)} during the backfill = ${(all(backfilled ?? {}) / all(before)).toFixed(2)} ×`,
  );
  console.log(`busy migration: ${took.toFixed(0)} s; ${waits}`);
  // What changed to the last moment is settled.
  await shrink.start();
  console.log(await compared());
}

/** Every row's code beside its current vector, by plain queries. */
async function compared(): Promise<string> {
  const { rows: made } = await pool.query<{ codec: string }>(
    `select codec from nestbit.stores where name = 'docs'`,
  );
  const codec = parseCodec(made[0].codec);
  const count = { rows: 0, missing: 0, wrong: 0 };
  for (let after = -1; ; ) {
    const { rows } = await pool.query<{
      id: string;
      vector: Buffer;
      bits: Buffer | null;
      copy: Buffer | null;
    }>(
      `select d.id, vector_send(d.embedding) as vector, substring(bit_send(c.bits) from 5) as bits,
              c.${codec.copy === 'calibrated' ? 'int8' : 'copy'} as copy
       from docs d left join nestbit.docs c on c.id = d.id where d.id > $1 order by d.id limit 2000`,
      [after],
    );
    if (rows.length === 0) break;
    for (const { vector, bits, copy } of rows) {
      count.rows++;
      const floats = new Float32Array(DIMENSIONS);
      for (let i = 0; i < DIMENSIONS; i++) floats[i] = vector.readFloatBE(4 + 4 * i);
      const codes = codec.encode(floats);
      if (bits === null || copy === null) count.missing++;
      else if (!bits.equals(codes.bits) || !copy.equals(codes.copies)) count.wrong++;
    }
    after = Number(rows[rows.length - 1].id);
  }
  const left = await pool.query(
    `select count(*)::int as count from nestbit.docs c where not exists (select from docs d where d.id = c.id)`,
  );
  return `at the end: ${count.rows} rows, ${count.missing} without a code, ${count.wrong} with a wrong one, ${left.rows[0].count} codes left over`;
}
