import { execFile, fork } from 'node:child_process';
import { cp, mkdtemp, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Codec, calibrate, MemoryStore } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';

const WIDTH = 256;
const child = fileURLToPath(new URL('../support/faiss-writer.ts', import.meta.url));
const execArgv = [
  '--import',
  new URL('../support/ts-workers.js', import.meta.url).href,
  '--conditions',
  '@nestbit/source',
];
const all = clusteredVectors(5000, WIDTH);
const rows = (first: number, last: number): Float32Array => all.subarray(first * WIDTH, last * WIDTH);
const ids = (first: number, last: number): bigint[] =>
  Array.from({ length: last - first }, (_, i) => BigInt(first + i));

let codec: Codec;
let folder: string;
beforeAll(async () => {
  codec = (await calibrate([all], { inputDimensions: WIDTH })).codec();
});
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'nestbit-store-')), 'store');
});
afterEach(async () => {
  await rm(join(folder, '..'), { recursive: true });
});

test('a store that is there is not made again, one that is not there is not opened', async () => {
  expect(await refusal(() => FaissStore.open(folder))).toMatch(/^STORE_NOT_FOUND: /);
  await (await FaissStore.create(folder, { codec })).close();
  expect(await refusal(() => FaissStore.create(folder, { codec }))).toMatch(/^STORE_EXISTS: /);
  const other = (await calibrate([all], { inputDimensions: WIDTH, dimensions: 128 })).codec();
  expect(await refusal(() => FaissStore.open(folder, { codec: other }))).toMatch(/^CODEC_MISMATCH: /);
});

test('a second writer is refused; a reader sees whole commits, follows a compaction, and cannot write', async () => {
  const writer = await FaissStore.create(folder, { codec });
  await writer.upsert({ ids: ids(0, 1000), embeddings: rows(0, 1000) });
  expect(await refusal(() => FaissStore.open(folder))).toMatch(/^STORE_LOCKED: /);
  const reader = await FaissStore.open(folder, { readOnly: true });
  expect(await reader.size()).toBe(1000);
  await writer.upsert({ ids: ids(500, 1500), embeddings: rows(500, 1500) });
  expect(await reader.size()).toBe(1500);
  expect(await reader.search(rows(7, 9))).toEqual(await writer.search(rows(7, 9)));
  await writer.delete(ids(0, 100));
  await writer.compact();
  expect(await writer.stats()).toMatchObject({ rows: 1400, dead: 0 });
  expect(await reader.stats()).toMatchObject({ rows: 1400, dead: 0 });
  expect(await reader.search(rows(700, 702))).toEqual(await writer.search(rows(700, 702)));
  expect(await refusal(() => reader.delete([1n]))).toMatch(/^STORE_READ_ONLY: /);
  await reader.close();
  await writer.close();
});

for (const kind of ['ivf', 'hnsw'] as const) {
  test(`${kind}: the snapshot is used again; damaged, it is left aside and built anew`, async () => {
    const store = await FaissStore.create(folder, { codec, index: { kind } });
    await store.upsert({ ids: ids(0, 4000), embeddings: rows(0, 4000) });
    await store.index();
    await store.upsert({ ids: ids(4000, 4500), embeddings: rows(4000, 4500) });
    const before = await store.search(rows(4400, 4405));
    await store.close();
    const again = await FaissStore.open(folder);
    expect((await again.stats()).index).toEqual({ kind, rows: 4000 });
    expect(await again.search(rows(4400, 4405))).toEqual(before);
    await again.close();
    await flip(join(folder, '1/index.faiss'), 5000);
    const damaged = await FaissStore.open(folder);
    expect((await damaged.stats()).index.rows).toBe(0);
    await damaged.index();
    expect((await damaged.stats()).index.rows).toBe(4500);
    await damaged.close();
  });
}

test('a filter on flat gives exactly the oracle’s answer at every selectivity', async () => {
  const store = await FaissStore.create(folder, { codec });
  const oracle = new MemoryStore({ codec });
  const payloads = ids(0, 5000).map((id) => ({ half: Number(id) % 2, row: Number(id) }));
  for (const one of [store, oracle]) await one.upsert({ ids: ids(0, 5000), embeddings: all, payloads });
  for (const filter of [{ half: 1 }, { row: { gte: 100, lt: 150 } }, { row: 77 }]) {
    const options = { k: 10, filter, payloads: true };
    expect(await store.search(rows(10, 15), options)).toEqual(await oracle.search(rows(10, 15), options));
  }
  await store.close();
});

test('bytes flipped and files cut anywhere are refused by name or give the same answers', async () => {
  const store = await FaissStore.create(folder, { codec });
  await store.upsert({
    ids: ids(0, 2000),
    embeddings: rows(0, 2000),
    payloads: ids(0, 2000).map((id) => ({ n: Number(id) })),
  });
  const wanted = await store.search(rows(0, 20), { payloads: true });
  await store.close();
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !/^(LOCK|lock\.mdb)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  let seed = 1;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const outcomes: Record<string, number> = {};
  for (let round = 0; round < 40; round++) {
    const copy = `${folder}-damaged`;
    await cp(folder, copy, { recursive: true });
    const path = join(copy, files[round % files.length]);
    const { size } = await stat(path);
    if (round % 3 === 0) await truncate(path, next(size));
    else await flip(path, next(size));
    const outcome = await search(copy, wanted);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    await rm(copy, { recursive: true });
  }
  expect(
    Object.keys(outcomes).filter(
      (name) => !['same', 'STORE_DAMAGED', 'CODEC_CORRUPT', 'CODEC_VERSION'].includes(name),
    ),
  ).toEqual([]);
  expect(outcomes['STORE_DAMAGED']).toBeGreaterThan(10);
});

test('killed at any moment, a store has every acknowledged row and no half of a batch', async () => {
  await (await FaissStore.create(folder, { codec })).close();
  let acknowledged = 0;
  for (let round = 0; round < 5; round++) {
    const writer = fork(child, [folder, String(acknowledged)], { execArgv });
    writer.on('message', (rows: number) => {
      acknowledged = rows;
    });
    await new Promise((resolve) => writer.once('message', resolve));
    await new Promise((resolve) => setTimeout(resolve, 40 + round * 37));
    writer.kill('SIGKILL');
    await new Promise((resolve) => writer.once('exit', resolve));
    const store = await FaissStore.open(folder);
    const size = await store.size();
    expect(size).toBeGreaterThanOrEqual(acknowledged);
    expect(size % 50).toBe(0);
    const found = await store.get(ids(0, size));
    expect(found.every((row, i) => row?.payload?.['n'] === i)).toBe(true);
    await store.verify();
    await store.close();
    acknowledged = size;
  }
});

test('without the addon there is one clear error', async () => {
  const script = `import { FaissStore } from '@nestbit/faiss-adapter';
    await FaissStore.open('nowhere').catch((error) => console.log(error.code, error.message));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...execArgv, '--input-type=module', '-e', script],
    {
      env: { ...process.env, NESTBIT_ADDON: 'missing.node' },
      cwd: fileURLToPath(new URL('..', import.meta.url)),
    },
  );
  expect(stdout).toMatch(/^ADDON_MISSING The faiss addon is not compiled\. Install .*libfaiss-dev/);
});

async function search(path: string, wanted: unknown): Promise<string> {
  let store: FaissStore | undefined;
  try {
    store = await FaissStore.open(path);
    const found = await store.search(rows(0, 20), { payloads: true });
    return JSON.stringify(found, plain) === JSON.stringify(wanted, plain) ? 'same' : 'other answers';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await store?.close();
  }
}

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, at);
  byte[0] ^= 1 << (at % 8);
  await file.write(byte, 0, 1, at);
  await file.close();
}
