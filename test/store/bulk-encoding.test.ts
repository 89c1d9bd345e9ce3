import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { type Codec, type Codes, encodeBatch } from '@nestbit/core';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { contractCodec, embeddings, WIDTH } from '../../packages/core/src/testing/data.ts';
import { refusal } from '../support/files.ts';

// The module that the package itself uses, with its thread.
const { bulkThread } = (await import(
  new URL('store/encoding/bulk-thread.js', import.meta.resolve('@nestbit/core')).href
)) as typeof import('../../packages/core/src/store/encoding/bulk-thread.ts');

const ROWS = 60_000;
const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row));
let codec: Codec;
let rows: Float32Array;
let whole: Codes;

beforeAll(() => {
  codec = contractCodec();
  rows = embeddings(ROWS, 5);
  whole = codec.encode(rows);
});

beforeEach(async (context) => {
  context.skip(availableParallelism() === 1, 'needs a second processor: without one there is no thread');
  await vi.waitUntil(() => bulkThread()?.up, { timeout: 20_000 });
});

function expectWhole(codes: Codes): void {
  expect(Buffer.compare(codes.bits, whole.bits)).toBe(0);
  expect(Buffer.compare(codes.scalars, whole.scalars)).toBe(0);
  expect(Buffer.compare(codes.copies, whole.copies)).toBe(0);
  expect(codes).toMatchObject({ rows: whole.rows, saturated: whole.saturated });
}

test('batches that follow each other are encoded by the thread alone, with the same codes', async () => {
  const here = vi.spyOn(codec, 'encodeInto');
  const batches = await Promise.all([1, 2, 3].map(() => encodeBatch({ ids, embeddings: rows }, codec)));
  for (const codes of batches) expectWhole(codes);
  expect(here).not.toHaveBeenCalled();
  here.mockRestore();
});

test('batches are ready in the order of the calls', async () => {
  const ready: number[] = [];
  await Promise.all(
    [0, 1, 2].map(async (n) => {
      // The later ones are smaller: side by side they would be ready first.
      const count = ROWS - n * 20_000;
      const batch = { ids: ids.slice(0, count), embeddings: rows.subarray(0, count * WIDTH) };
      await encodeBatch(batch, codec);
      ready.push(n);
    }),
  );
  expect(ready).toEqual([0, 1, 2]);
});

test('what is wrong in a row is said with its id and number', async () => {
  const bad = rows.slice();
  bad[50_000 * WIDTH + 3] = Number.NaN;
  const message = await refusal(() => encodeBatch({ ids, embeddings: bad }, codec));
  expect(message).toMatch(/^VECTOR_NOT_FINITE: /);
  expect(message).toMatch(/\b50000\b/);
  // The thread has lived on.
  expect(bulkThread()?.up).toBe(true);
  expectWhole(await encodeBatch({ ids, embeddings: rows }, codec));
});

test('after an abort nothing writes into the memory any more', async () => {
  const memory = codec.allocate(whole.rows);
  const controller = new AbortController();
  const pending = encodeBatch({ ids, embeddings: rows }, codec, controller.signal, () => memory);
  await vi.waitUntil(() => memory.bits.some((byte) => byte !== 0), { interval: 1 });
  controller.abort();
  expect(await refusal(() => pending)).toMatch(/^ABORTED: /);
  const bits = memory.bits.slice();
  expect(Buffer.compare(bits, whole.bits)).not.toBe(0);
  await encodeBatch({ ids, embeddings: rows }, codec);
  expect(Buffer.compare(memory.bits, bits)).toBe(0);
});

test('when the thread ends, its slices are encoded here', async () => {
  const here = vi.spyOn(codec, 'encodeInto');
  const pending = [1, 2].map(() => encodeBatch({ ids, embeddings: rows }, codec));
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  bulkThread()?.end();
  for (const codes of await Promise.all(pending)) expectWhole(codes);
  expect(here).toHaveBeenCalled();
  here.mockRestore();
});

test('a process ends by itself, whether the thread starts, works or rests', async () => {
  const program = `
    import { calibrate, encodeBatch } from ${JSON.stringify(import.meta.resolve('@nestbit/core'))};
    const [batches, pause] = process.argv.slice(1).map(Number);
    const embeddings = Float32Array.from({ length: 20_000 * 64 }, (_, i) => Math.sin(i * i));
    const ids = Array.from({ length: 20_000 }, (_, row) => BigInt(row));
    const codec = (await calibrate([embeddings], { inputDimensions: 64 })).codec();
    for (let i = 0; i < batches; i++) await encodeBatch({ ids, embeddings }, codec);
    await new Promise((resume) => setTimeout(resume, pause));
    console.log('ended');`;
  for (const [batches, pause] of [
    [2, 0],
    [2, 500],
    [40, 0],
    [40, 100],
  ]) {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', program, String(batches), String(pause)],
      // One that does not end is killed then, which throws.
      { timeout: 30_000 },
    );
    expect(stdout).toBe('ended\n');
  }
}, 130_000);
