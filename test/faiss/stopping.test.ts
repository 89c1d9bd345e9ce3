import { Worker } from 'node:worker_threads';
import { BinaryIndex, type BinaryIndexOptions } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { execArgv, program } from '../support/children.ts';
import { refusal } from '../support/files.ts';
import { clusteredBits } from '../support/hamming.ts';

const ROWS = 200_000;
const BYTES = 32;
/** Milliseconds. */
const LATE = 20;
const codes = clusteredBits(ROWS, BYTES, 2000);
const some = codes.subarray(0, 20_000 * BYTES);
const IVF: BinaryIndexOptions = { kind: 'ivf', dimensions: 256, lists: 512 };
const HNSW: BinaryIndexOptions = { kind: 'hnsw', dimensions: 256, m: 16, efConstruction: 64 };

/** How late timers come while something runs, in milliseconds: the third latest. */
async function lateness(run: () => Promise<unknown>, look: () => void): Promise<number> {
  const late: number[] = [];
  let due = performance.now() + 1;
  const timer = setInterval(() => {
    const now = performance.now();
    late.push(now - due);
    due = now + 1;
    look();
  }, 1);
  await run();
  clearInterval(timer);
  expect(late.length).toBeGreaterThan(10);
  return late.sort((a, b) => b - a)[2];
}

/** The least of some runs: other processes make timers late now and then, a blocked thread always. */
async function leastLateness(
  make: () => BinaryIndex,
  run: (index: BinaryIndex) => Promise<unknown>,
): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5 && least > LATE; i++) {
    const index = make();
    const look = () => [index.rows, index.trained, index.kind];
    least = Math.min(least, await lateness(() => run(index), look));
  }
  return least;
}

/** Milliseconds until a call ends that is aborted after some. */
async function stopped(after: number, run: (signal: AbortSignal) => Promise<unknown>): Promise<number> {
  const controller = new AbortController();
  let started = 0;
  setTimeout(() => {
    started = performance.now();
    controller.abort(new Error('enough'));
  }, after);
  expect(await refusal(() => run(controller.signal))).toMatch(/^ABORTED: /);
  return performance.now() - started;
}

test('timers keep coming while it trains, adds and searches on every thread', async () => {
  const flat = BinaryIndex.create({ kind: 'flat', dimensions: 256 });
  const ivf = BinaryIndex.create(IVF);
  await ivf.train(some, { iterations: 1 });
  const hnsw = BinaryIndex.create(HNSW);
  for (const index of [flat, ivf, hnsw]) await index.add(index === hnsw ? some : codes);
  const queries = codes.subarray(0, 2000 * BYTES);
  const worst = {
    train: await leastLateness(
      () => BinaryIndex.create(IVF),
      (index) => index.train(codes, { iterations: 2 }),
    ),
    'add to IVF': await leastLateness(
      () => ivf,
      (index) => index.add(codes),
    ),
    'add to HNSW': await leastLateness(
      () => hnsw,
      (index) => index.add(some),
    ),
    'add to flat': await leastLateness(
      () => BinaryIndex.create({ kind: 'flat', dimensions: 256 }),
      async (index) => {
        for (let i = 0; i < 20; i++) await index.add(codes);
      },
    ),
    'search flat': await leastLateness(
      () => flat,
      (index) => index.search(queries, { k: 100 }),
    ),
    'search IVF': await leastLateness(
      () => ivf,
      (index) => index.search(queries, { probes: 64 }),
    ),
    'search HNSW': await leastLateness(
      () => hnsw,
      (index) => index.search(queries, { efSearch: 200 }),
    ),
  };
  expect(Object.entries(worst).filter(([, milliseconds]) => milliseconds > LATE)).toEqual([]);
});

test('an abort stops training, and the index can be trained again', async () => {
  const index = BinaryIndex.create(IVF);
  const took = await stopped(100, (signal) => index.train(codes, { iterations: 1000, signal }));
  expect(took).toBeLessThan(500);
  expect(index.trained).toBe(false);
  await index.train(some, { iterations: 1 });
  expect(index.trained).toBe(true);
});

test('an abort stops adding: an IVF index is as before, an HNSW index refuses every later call', async () => {
  const ivf = BinaryIndex.create({ ...IVF, lists: 8192 });
  await ivf.train(some, { iterations: 1 });
  expect(await stopped(100, (signal) => ivf.add(codes, { signal }))).toBeLessThan(500);
  expect(ivf.rows).toBe(0);
  await ivf.add(some);
  expect(ivf.rows).toBe(20_000);

  const hnsw = BinaryIndex.create(HNSW);
  expect(await stopped(100, (signal) => hnsw.add(codes, { signal }))).toBeLessThan(500);
  for (const call of [
    () => hnsw.search(some.subarray(0, BYTES)),
    () => hnsw.add(some),
    () => hnsw.write('no'),
  ])
    expect(await refusal(call)).toMatch(/^INDEX_INVALID: .*stopped in the middle; make it anew/);
});

test('an abort stops searching, and the next search is whole', async () => {
  const flat = BinaryIndex.create({ kind: 'flat', dimensions: 256 });
  await flat.add(codes);
  const ivf = BinaryIndex.create({ ...IVF, lists: 64 });
  await ivf.train(some, { iterations: 1 });
  await ivf.add(codes);
  for (const index of [flat, ivf]) {
    const run = (signal: AbortSignal) => index.search(some, { k: 10, probes: 64, signal });
    expect(await stopped(50, run)).toBeLessThan(500);
    const [hit] = await index.search(some.subarray(0, BYTES), { probes: 64 });
    expect([hit.distances[0], hit.labels.length]).toEqual([0, 10]);
  }
});

test('a call whose signal fired before does nothing', async () => {
  const index = BinaryIndex.create({ kind: 'flat', dimensions: 256 });
  const signal = AbortSignal.abort();
  expect(await refusal(() => index.add(some, { signal }))).toMatch(/^ABORTED/);
  expect(await refusal(() => index.search(some, { signal }))).toMatch(/^ABORTED/);
  expect(await refusal(() => index.train(some, { signal }))).toMatch(/^ABORTED/);
  expect(index.rows).toBe(0);
});

test('a worker thread that ends in the middle of a call ends, and the addon goes on elsewhere', async () => {
  for (const call of ['train', 'add', 'search']) {
    const worker = new Worker(program('faiss-worker.ts'), { workerData: call, execArgv: [...execArgv] });
    await new Promise((started) => worker.once('message', started));
    await new Promise((later) => setTimeout(later, 30));
    const started = performance.now();
    await worker.terminate();
    expect(performance.now() - started).toBeLessThan(2000);
  }
  const index = BinaryIndex.create({ kind: 'flat', dimensions: 256 });
  await index.add(some);
  expect((await index.search(some.subarray(0, BYTES)))[0].distances[0]).toBe(0);
});
