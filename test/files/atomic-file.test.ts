import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AtomicFile, NpyWriter, openNpy, writeFileAtomic } from '@nestbit/core';
import { BinaryIndex } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { clusteredBits } from '../support/hamming.ts';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const partials = (): string[] => readdirSync(folder).filter((name) => name.includes('partial'));

test('of two writers of one path at once, one wins whole', async () => {
  for (let round = 0; round < 20; round++) {
    const texts = ['a'.repeat(200_000), 'b'.repeat(100_000 + round)];
    await Promise.all(texts.map((text) => writeFileAtomic(path('text'), text)));
    expect(texts).toContain(readFileSync(path('text'), 'utf8'));
  }
  expect(partials()).toEqual([]);
});

test('the parts of two files under way do not mix', async () => {
  const files = await Promise.all([AtomicFile.create(path('mixed')), AtomicFile.create(path('mixed'))]);
  for (let i = 0; i < 50; i++)
    await Promise.all(files.map((file, n) => file.write(Buffer.from(String(n).repeat(10)))));
  await Promise.all(files.map((file) => file.commit()));
  expect(['0'.repeat(500), '1'.repeat(500)]).toContain(readFileSync(path('mixed'), 'utf8'));
  expect(partials()).toEqual([]);
});

test('.npy matrices and indexes written to one path at once stay whole', async () => {
  const writers = await Promise.all([1, 2].map(() => NpyWriter.create(path('m.npy'), 'float32', 4)));
  for (const [n, writer] of writers.entries())
    for (let row = 0; row < 10 * (n + 1); row++) await writer.append(new Float32Array(4).fill(n + 1));
  await Promise.all(writers.map((writer) => writer.commit()));
  const npy = await openNpy(path('m.npy'));
  const rows = npy.rows;
  expect([10, 20]).toContain(rows);
  for await (const { vectors } of npy.vectors()) expect(new Set(vectors)).toEqual(new Set([rows / 10]));
  await npy.close();

  const indexes = await Promise.all(
    [100, 200].map(async (count) => {
      const index = BinaryIndex.create({ kind: 'flat', dimensions: 256 });
      await index.add(clusteredBits(count, 32, 8, count));
      return index;
    }),
  );
  for (let round = 0; round < 10; round++) {
    await Promise.all(indexes.map((index) => index.write(path('i.faiss'))));
    const read = await BinaryIndex.read(path('i.faiss'));
    expect([100, 200]).toContain(read.rows);
    const [hit] = await read.search(clusteredBits(read.rows, 32, 8, read.rows).subarray(0, 32), { k: 1 });
    expect(hit.distances[0]).toBe(0);
  }
  expect(partials()).toEqual([]);
});

test('a file that cannot get its name is an error, and nothing stays beside it', async () => {
  mkdirSync(path('taken'));
  writeFileSync(path('taken/inside'), '');
  expect(await refusal(() => writeFileAtomic(path('taken'), 'text'))).toMatch(/^FILE_WRITE: .*taken/);
  expect(await refusal(() => writeFileAtomic(path('no/such'), 'text'))).toMatch(/^FILE_WRITE: /);
  expect(partials()).toEqual([]);
  rmSync(path('taken'), { recursive: true });
  expect(existsSync(path('taken'))).toBe(false);
});
