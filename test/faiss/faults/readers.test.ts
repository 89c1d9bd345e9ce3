import { join } from 'node:path';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { child, message } from '../../support/children.ts';
import { refusal, temporaryFolder } from '../../support/files.ts';

const WIDTH = 64;
const BATCH = 50;
const READERS = 8;
const WRITES = 120;
const folder = temporaryFolder();

test(`${READERS} processes that read during writes and compactions see whole commits, in their order`, async () => {
  const codec = (await calibrate([clusteredVectors(500, WIDTH)], { inputDimensions: WIDTH })).codec();
  const path = join(folder, 'store');
  const store = await FaissStore.create(path, { codec });
  const ids = Array.from({ length: BATCH }, (_, id) => BigInt(id));
  const write = (version: number): Promise<void> =>
    store.upsert({
      ids,
      embeddings: clusteredVectors(BATCH, WIDTH, 8, version + 1),
      payloads: ids.map(() => ({ version })),
    });
  await write(0);
  const readers = Array.from({ length: READERS }, () => child('faiss-reader.ts', path));
  await Promise.all(readers.map((reader) => message(reader)));
  for (let version = 1; version <= WRITES; version++) {
    await write(version);
    if (version % 30 === 0) await store.compact();
  }
  const ends = readers.map((reader) => message<{ looks: number; wrong?: string }>(reader));
  for (const reader of readers) reader.send('stop');
  for (const { looks, wrong } of await Promise.all(ends)) {
    expect(wrong).toBe(undefined);
    expect(looks).toBeGreaterThan(1);
  }
  await store.close();
});

test('another process that would write is refused while one writes, and let in after its end', async () => {
  const codec = (await calibrate([clusteredVectors(500, WIDTH)], { inputDimensions: WIDTH })).codec();
  const path = join(folder, 'alone');
  await (await FaissStore.create(path, { codec })).close();
  const writer = child('faiss-busy.ts');
  await message(writer);
  writer.send({ path, step: 0 });
  await message(writer);
  expect(await refusal(() => FaissStore.open(path))).toMatch(
    /^STORE_LOCKED: Another writer holds .*readOnly/,
  );
  const gone = new Promise((resolve) => writer.once('exit', resolve));
  writer.kill('SIGKILL');
  await gone;
  await (await FaissStore.open(path)).close();
});
