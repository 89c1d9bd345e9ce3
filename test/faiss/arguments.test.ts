import { spawnSync } from 'node:child_process';
import { BinaryIndex, type BinaryIndexOptions } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { execArgv, program } from '../support/children.ts';
import { refusal } from '../support/files.ts';
import { clusteredBits } from '../support/hamming.ts';

const codes = clusteredBits(100, 32);
const make = (options: object) => () => BinaryIndex.create(options as BinaryIndexOptions);

async function flat(): Promise<BinaryIndex> {
  const index = BinaryIndex.create({ kind: 'flat', dimensions: 256 });
  await index.add(codes);
  return index;
}

test('numbers that make no index are a RangeError that names them', () => {
  for (const dimensions of [
    0,
    -8,
    7,
    12,
    65_536,
    8.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '256',
    undefined,
  ])
    expect(make({ kind: 'flat', dimensions })).toThrow(/dimensions/);
  for (const lists of [0, -1, 1.5, 2 ** 40, undefined])
    expect(make({ kind: 'ivf', dimensions: 8, lists })).toThrow(/lists must be a whole number/);
  for (const m of [0, 1, 513]) expect(make({ kind: 'hnsw', dimensions: 8, m })).toThrow(/m must be/);
  expect(make({ kind: 'hnsw', dimensions: 8, efConstruction: 0 })).toThrow(/efConstruction must be/);
  expect(make({ kind: 'pq', dimensions: 8 })).toThrow(/kind must be flat, ivf or hnsw, got pq/);
  expect(make({ kind: 'flat', dimensions: 12 })).toThrow(RangeError);
});

test('arrays that do not divide into rows are a RangeError, arrays of other types a TypeError', async () => {
  const index = await flat();
  const calls = [
    (x: Uint8Array) => index.add(x),
    (x: Uint8Array) => index.search(x),
    (x: Uint8Array) => BinaryIndex.create({ kind: 'ivf', dimensions: 256, lists: 2 }).train(x),
  ];
  for (const call of calls) {
    await expect(call(codes.subarray(0, 33))).rejects.toThrow(/has 33 bytes, no multiple of 32/);
    await expect(call(codes.subarray(0, 33))).rejects.toThrow(RangeError);
    for (const other of [new Int8Array(32), new Float32Array(8), [1, 2], codes.buffer, undefined, null, 'x'])
      await expect(call(other as never)).rejects.toThrow(TypeError);
  }
  expect(index.rows).toBe(100);
});

test('options of a search out of their limits are a RangeError that names them', async () => {
  const index = await flat();
  for (const [name, value] of Object.entries({ k: 0, probes: 0, threads: 0 }))
    for (const bad of [value, -1, 1.5, Number.NaN, 2 ** 53])
      await expect(index.search(codes, { [name]: bad })).rejects.toThrow(
        new RegExp(`^${name} must be a whole`),
      );
  await expect(index.search(codes, { efSearch: Number.NaN })).rejects.toThrow(RangeError);
  await expect(index.search(codes, { k: 1e7 })).rejects.toThrow(/100 queries times k 10000000 is more/);
});

test('an IVF index that is not trained, or full and trained again, is INDEX_INVALID', async () => {
  const index = BinaryIndex.create({ kind: 'ivf', dimensions: 256, lists: 10 });
  expect(await refusal(() => index.add(codes))).toMatch(/^INDEX_INVALID: .*not trained; call train first/);
  expect(await refusal(() => index.search(codes))).toMatch(/^INDEX_INVALID: .*not trained/);
  await expect(index.train(codes.subarray(0, 9 * 32))).rejects.toThrow(/10 lists needs as many rows, got 9/);
  await index.train(codes);
  await index.add(codes);
  expect(await refusal(() => index.train(codes))).toMatch(/^INDEX_INVALID: .*cannot be trained again/);
  expect((await index.search(codes, { probes: 10 })).every((hit) => hit.distances[0] === 0)).toBe(true);
});

const child = (kernel: string) =>
  spawnSync(process.execPath, [...execArgv, program('faiss-answers.ts')], {
    encoding: 'utf8',
    env: { ...process.env, NESTBIT_KERNEL: kernel },
  });

test('a kernel that this machine does not have is a RangeError that names those it has', () => {
  const { stderr, status } = child('abacus');
  expect(stderr).toMatch(/RangeError: NESTBIT_KERNEL is "abacus"; this machine runs: .*portable/);
  expect(status).toBe(1);
});

test('the portable kernel gives the same answers as the best one', () => {
  const [best, portable] = [child(''), child('portable')];
  expect(best.stderr + portable.stderr).toBe('');
  expect(best.stdout).toMatch(/^[0-9a-f]{64}\n$/);
  expect(portable.stdout).toBe(best.stdout);
});
