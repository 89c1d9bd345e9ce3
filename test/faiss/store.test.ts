import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Codec, calibrate, MemoryStore } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { execArgv } from '../support/children.ts';
import { refusal } from '../support/files.ts';
import { flip } from '../support/flip.ts';

const WIDTH = 256;
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
