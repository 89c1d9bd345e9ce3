import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openNpy, type VectorSource } from '@nestbit/core';
import { openFloatIndex, openLangChainFolder } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { floatIndexBytes } from '../support/float-index.ts';
import { needsSharedData } from '../support/shared-data.ts';
import { randomVectors } from '../support/vectors.ts';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);

async function rowsOf(source: VectorSource, batchRows?: number): Promise<number[]> {
  const all: number[] = [];
  for await (const { vectors } of source.batches(batchRows === undefined ? {} : { batchRows }))
    all.push(...vectors);
  await source.close();
  return all;
}

for (const [name, metric] of [
  ['float_flat_ip', 'inner product'],
  ['float_flat_l2', 'l2'],
] as const) {
  test(`${name}, which faiss wrote, gives back the vectors that went in`, async (context) => {
    const golden = needsSharedData(context, 'golden/faiss');
    const file = await openFloatIndex(join(golden, `${name}.faiss`));
    expect(file).toMatchObject({ metric, rows: 200, dimensions: 64 });
    const npy = await openNpy(join(golden, 'float_vectors.npy'));
    expect(await rowsOf(file, 33)).toEqual([...(await npy.readRows(0, 200))]);
    await npy.close();
  });
}

/** Row i of the indexes in test/fixtures/faiss, which faiss wrote (make.cpp). */
const fixtureRow = (i: number): number[] =>
  Array.from({ length: 8 }, (_, j) => (((i * 31 + j * 17 + i * j * 7) % 64) - 32) / 32);
const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/faiss/${name}.faiss`, import.meta.url));

for (const [name, metric, idOf] of [
  ['hnsw-flat', 'inner product', undefined],
  ['hnsw-flat-ids', 'l2', (i: number) => 1000 - i * 3],
  ['ivf-flat', 'l2', (i: number) => i],
  ['ivf-flat-ids', 'inner product', (i: number) => 1000 - i * 3],
] as const) {
  test(`${name}, which faiss wrote, gives each vector with its id`, async () => {
    const file = await openFloatIndex(fixture(name));
    expect(file).toMatchObject({ metric, rows: 40, dimensions: 8, hasIds: idOf !== undefined });
    const found = new Map<unknown, number[]>();
    let next = 0;
    for await (const { firstRow, rows, vectors, ids } of file.batches({ batchRows: 7 })) {
      expect(firstRow).toBe(next);
      next += rows;
      for (let row = 0; row < rows; row++)
        found.set(ids?.[row] ?? firstRow + row, [...vectors.subarray(row * 8, (row + 1) * 8)]);
    }
    await file.close();
    expect(found.size).toBe(40);
    for (let i = 0; i < 40; i++)
      expect(found.get(idOf === undefined ? i : BigInt(idOf(i)))).toEqual(fixtureRow(i));
  });

  test(`${name}, cut or changed anywhere, is refused or has its rows`, async () => {
    const whole = readFileSync(fixture(name));
    for (let length = 0; length < whole.length; length += 5) {
      writeFileSync(path('cut.faiss'), whole.subarray(0, length));
      expect(await refusal(() => openFloatIndex(path('cut.faiss')))).toMatch(/^INDEX_INVALID: .*cut\.faiss/);
    }
    for (let at = 0; at < whole.length; at += 5) {
      const changed = Buffer.from(whole);
      changed[at] ^= 0x81;
      writeFileSync(path('changed.faiss'), changed);
      const outcome = await refusal(async () => {
        const file = await openFloatIndex(path('changed.faiss'));
        expect((await rowsOf(file)).length).toBe(320);
      });
      expect(outcome, `byte ${at}`).toMatch(/^(accepted|INDEX_INVALID: |UNSUPPORTED: )/);
    }
  });
}

test('an index in an id map gives its ids, batch by batch', async () => {
  const vectors = randomVectors(7, 16);
  writeFileSync(
    path('mapped.faiss'),
    floatIndexBytes('IxF2', vectors, 16, [5n, -1n, 2n ** 62n, 7n, 8n, 9n, 10n]),
  );
  const file = await openFloatIndex(path('mapped.faiss'));
  const ids: unknown[] = [];
  const values: number[] = [];
  for await (const batch of file.batches({ batchRows: 3 })) {
    ids.push(...(batch.ids ?? []));
    values.push(...batch.vectors);
  }
  await file.close();
  expect(ids).toEqual([5n, -1n, 2n ** 62n, 7n, 8n, 9n, 10n]);
  expect(values).toEqual([...vectors]);
});

test('what is no flat float index is refused by name, wherever it is cut', async () => {
  const whole = floatIndexBytes('IxFI', randomVectors(5, 8), 8, [1n, 2n, 3n, 4n, 5n]);
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path('cut.faiss'), whole);
    truncateSync(path('cut.faiss'), length);
    expect(await refusal(() => openFloatIndex(path('cut.faiss')))).toMatch(/^INDEX_INVALID: .*cut\.faiss/);
  }
  const other = Buffer.from(whole.subarray(37));
  other.write('IxPq', 0);
  writeFileSync(path('other.faiss'), other);
  expect(await refusal(() => openFloatIndex(path('other.faiss')))).toMatch(/^UNSUPPORTED: .*"IxPq".*\.npy/);
  other.write('IxFI', 0);
  other.writeBigInt64LE(6n, 8);
  writeFileSync(path('other.faiss'), other);
  expect(await refusal(() => openFloatIndex(path('other.faiss')))).toMatch(
    /^INDEX_INVALID: .*40 values .*48/,
  );
  expect(await refusal(() => openFloatIndex(path('none.faiss')))).toMatch(/^FILE_NOT_FOUND: /);
  for (const [offset, value] of [
    [4, 9],
    [8, 6],
  ]) {
    const mapped = Buffer.from(whole);
    mapped[offset] = value;
    writeFileSync(path('mapped.faiss'), mapped);
    expect(await refusal(() => openFloatIndex(path('mapped.faiss')))).toMatch(
      /^INDEX_INVALID: .*its id map tells of .*, the index in it of 5 of 8/,
    );
  }
});

test('a folder of LangChain.js gives ids and documents, and passes over vectors whose document is gone', async () => {
  const vectors = randomVectors(4, 8);
  const store = path('langchain');
  await mkdir(store);
  writeFileSync(join(store, 'faiss.index'), floatIndexBytes('IxF2', vectors, 8));
  const document = (text: string): object => ({ pageContent: text, metadata: { source: `${text}.md` } });
  const docs = [
    ['id-a', document('a')],
    ['id-c', document('c')],
    ['id-d', document('d')],
  ];
  writeFileSync(
    join(store, 'docstore.json'),
    JSON.stringify([docs, { 0: 'id-a', 1: 'id-deleted', 2: 'id-c', 3: 'id-d' }]),
  );
  const source = await openLangChainFolder(store);
  const batches = [];
  for await (const batch of source.batches()) batches.push(batch);
  await source.close();
  expect(batches).toHaveLength(1);
  expect(batches[0]).toMatchObject({
    rows: 3,
    ids: ['id-a', 'id-c', 'id-d'],
    payloads: [
      { source: 'a.md', pageContent: 'a' },
      { source: 'c.md', pageContent: 'c' },
      { source: 'd.md', pageContent: 'd' },
    ],
  });
  expect([...batches[0].vectors]).toEqual([...vectors.subarray(0, 8), ...vectors.subarray(16)]);
  const whole = readFileSync(join(store, 'docstore.json'), 'utf8');
  writeFileSync(join(store, 'docstore.json'), `\ufeff${whole}`);
  await (await openLangChainFolder(store)).close();
  // Rows that are no numbers would all be row 0, and other bytes than UTF-8 would be replaced.
  for (const bytes of [
    whole.replace('"0":', '"":'),
    whole.replace('"0":', '"00":'),
    whole.replace('"3":"id-d"', '"3":null'),
    Buffer.from(whole.replace('a.md', '\xff'), 'latin1'),
    '{"not": "that"}',
  ]) {
    writeFileSync(join(store, 'docstore.json'), bytes);
    expect(await refusal(() => openLangChainFolder(store))).toMatch(/^DATASET_INVALID: .*docstore\.json/);
  }
  expect(await refusal(() => openLangChainFolder(folder))).toMatch(/^FILE_NOT_FOUND: .*index\.pkl/);
});

test('the helper of these tests writes what faiss writes', async (context) => {
  const golden = needsSharedData(context, 'golden/faiss');
  const npy = await openNpy(join(golden, 'float_vectors.npy'));
  const vectors = await npy.readRows(0, 200);
  await npy.close();
  const expected = readFileSync(join(golden, 'float_flat_ip.faiss'));
  expect(floatIndexBytes('IxFI', vectors, 64).equals(expected)).toBe(true);
});
