import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore, type StoreIndex } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { execArgv, program } from '../support/children.ts';
import { temporaryFolder } from '../support/files.ts';

const ROWS = 10_000;
const folder = temporaryFolder();

const INDEXES: StoreIndex[] = [{ kind: 'flat' }, { kind: 'ivf' }, { kind: 'hnsw' }];

// In a process of its own, which a bus error would end.
test.each(INDEXES)(
  '$kind: a file that is cut while the store is open is STORE_DAMAGED, no crash',
  async (index) => {
    const embeddings = clusteredVectors(ROWS, 256, 8);
    const codec = (await calibrate([embeddings], { inputDimensions: 256 })).codec({ copy: 'int8' });
    const path = join(folder, index.kind);
    const store = await FaissStore.create(path, { codec, index });
    await store.upsert({ ids: Array.from({ length: ROWS }, (_, row) => `${row}`), embeddings });
    await store.index();
    await store.close();
    const args = [...execArgv, program('faiss-shrinking.ts'), path];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(JSON.parse(stdout)).toEqual({ STORE_DAMAGED: 4 * 6 * 3, 'get STORE_DAMAGED': 4 * 6 });
  },
);
