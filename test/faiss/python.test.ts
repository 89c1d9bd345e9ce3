import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { BinaryIndex, FaissStore } from '@nestbit/faiss-adapter';
import { expect, type TestContext, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';

const WIDTH = 256;
const BYTES = WIDTH / 8;
const ROWS = 800;
const K = 10;
const KINDS = ['flat', 'ivf', 'hnsw'] as const;
const script = fileURLToPath(new URL('../support/python_faiss.py', import.meta.url));
const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const vectors = clusteredVectors(ROWS + 20, WIDTH, 20);

// The system's Python first: distributions package faiss for that one.
const python = ['/usr/bin/python3', 'python3'].find((program) => {
  try {
    execFileSync(program, ['-c', 'import faiss'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

interface Answer {
  readonly rows: number;
  readonly distances: number[][];
  readonly labels: number[][];
}

function needsPython(context: TestContext): (...args: string[]) => unknown {
  context.skip(python === undefined, "needs Python's faiss (Debian: python3-faiss), which is not here");
  return (...args) => JSON.parse(execFileSync(python as string, [script, ...args], { encoding: 'utf8' }));
}

async function codesOf(): Promise<{ codes: Uint8Array; queries: Uint8Array }> {
  const codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
  const { bits } = codec.encode(vectors);
  return { codes: bits.slice(0, ROWS * BYTES), queries: bits.slice(ROWS * BYTES) };
}

for (const kind of KINDS) {
  test(`a ${kind} index that a store exports gives the same answers in Python`, async (context) => {
    const run = needsPython(context);
    const codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
    const store = await FaissStore.create(path(`store-${kind}`), { codec, index: { kind } });
    const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row));
    await store.upsert({ ids, embeddings: vectors.subarray(0, ROWS * WIDTH) });
    await store.index();
    await store.export(path(`${kind}.faiss`));
    await store.close();
    const { queries } = await codesOf();
    writeFileSync(path('queries.u8'), queries);
    const theirs = run(
      'search',
      path(`${kind}.faiss`),
      String(BYTES),
      path('queries.u8'),
      String(K),
    ) as Answer;
    expect(theirs.rows).toBe(ROWS);
    const index = await BinaryIndex.read(path(`${kind}.faiss`));
    const ours = await index.search(queries, { k: K, probes: 1000, efSearch: 200 });
    expect(ours.map(({ distances }) => [...distances])).toEqual(theirs.distances);
  });
}

test('indexes that Python wrote are read here with the same answers', async (context) => {
  const run = needsPython(context);
  const { codes, queries } = await codesOf();
  writeFileSync(path('codes.u8'), codes);
  writeFileSync(path('queries.u8'), queries);
  expect(run('make', folder, String(BYTES), path('codes.u8'))).toEqual([...KINDS]);
  for (const kind of KINDS) {
    const file = path(`${kind}.faiss`);
    const theirs = run('search', file, String(BYTES), path('queries.u8'), String(K)) as Answer;
    const index = await BinaryIndex.read(file);
    expect(index).toMatchObject({ kind, rows: ROWS, dimensions: WIDTH });
    const ours = await index.search(queries, { k: K, probes: 1000, efSearch: 200 });
    expect(ours.map(({ distances }) => [...distances])).toEqual(theirs.distances);
  }
});

test("the store's files are what the guide says that numpy reads", async (context) => {
  context.skip(python === undefined, "needs Python's faiss (Debian: python3-faiss), which is not here");
  const codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
  const store = await FaissStore.create(path('plain'), { codec });
  await store.upsert({ ids: ['a', 'b', 'c'], embeddings: vectors.subarray(0, 3 * WIDTH) });
  const [, second] = await store.get(['a', 'b']);
  await store.close();
  const code = `import numpy; print(numpy.memmap('${path('plain')}/1/bits.u8', 'uint8').reshape(-1, ${BYTES})[1].tolist())`;
  const row = JSON.parse(execFileSync(python as string, ['-c', code], { encoding: 'utf8' })) as number[];
  expect(row).toEqual([...(second?.bits ?? [])]);
});
