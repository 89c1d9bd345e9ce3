import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { beforeAll, expect, test } from 'vitest';
import { execArgv, program } from '../support/children.ts';
import { temporaryFolder } from '../support/files.ts';

const folder = temporaryFolder();
/** A long run: NESTBIT_TERMINATIONS=60. */
const TIMES = process.env['NESTBIT_TERMINATIONS'] ?? '4';

beforeAll(async () => {
  const embeddings = clusteredVectors(2000, 64, 8);
  const codec = (await calibrate([embeddings], { inputDimensions: 64 })).codec();
  const store = await FaissStore.create(join(folder, 'store'), { codec });
  await store.upsert({ ids: Array.from({ length: 2000 }, (_, row) => `${row}`), embeddings });
  await store.close();
});

// Each in a process of its own, so that a crash is seen: it is then rejected with the signal.
test.each(['search', 'add', 'train', 'file', 'store'])(
  'workers that are terminated in a %s end alone',
  async (call) => {
    const args = [...execArgv, program('faiss-terminations.ts'), call, TIMES, folder];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(JSON.parse(stdout)).toEqual({ survived: Number(TIMES), distance: 0 });
  },
);
