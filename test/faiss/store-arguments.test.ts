// What the addon itself refuses, below the checks of the store: no array of another length or kind is read.
import { join } from 'node:path';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { addon, type NativeLayout, type NativeSearch } from '@nestbit/faiss-adapter/addon';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';

const ROWS = 200;
const WIDTH = 64;
const folder = temporaryFolder();
const layout: NativeLayout = { format: 2, bits: 8, scalars: 2, copy: 'int8', copyBytes: 72 };

async function stored(): Promise<string> {
  const vectors = clusteredVectors(ROWS, WIDTH);
  const codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec({ copy: 'int8' });
  const path = join(folder, 'store');
  const store = await FaissStore.create(path, { codec });
  await store.upsert({ ids: Array.from({ length: ROWS }, (_, row) => BigInt(row)), embeddings: vectors });
  await store.close();
  return join(path, '1');
}

test('layouts, searches and reads that do not fit are refused by name', async () => {
  const path = await stored();
  const { CodeFiles, search } = addon();
  const opening = (changed: object) => () => new CodeFiles(path, { ...layout, ...changed }, 0);
  expect(opening({ copyBytes: 71 })).toThrow(/copyBytes must be a whole number from 72 to 72/);
  expect(opening({ copy: 'int4' })).toThrow(/copyBytes/);
  expect(opening({ copy: 'float64' })).toThrow(
    /copy must be none, calibrated, int8, int16 or int4, got float64/,
  );
  expect(opening({ copy: undefined })).toThrow(TypeError);
  expect(opening({ scalars: 1 })).toThrow(/scalars must be 0 or 2/);
  expect(opening({ scalars: 3 })).toThrow(RangeError);
  expect(opening({ format: 1 })).toThrow(/format 1 has no scalars/);
  expect(opening({ format: 3 })).toThrow(/format must be/);
  expect(opening({ bits: 0 })).toThrow(/bits must be/);
  expect(() => new CodeFiles(path, 8 as never, 0)).toThrow(TypeError);

  const files = new CodeFiles(path, layout, 0);
  files.grow(ROWS);
  const asked: NativeSearch = {
    files,
    index: undefined,
    indexed: 0,
    rows: ROWS,
    pass: undefined,
    passing: ROWS,
    prefilter: 50,
    rescored: 20,
    k: 10,
    probes: 1,
    efSearch: 1,
    stage: 'rescore',
    threads: 1,
    token: 0,
    count: 2,
    bits: new Uint8Array(2 * 8),
    bitWeights: new Int16Array(2 * WIDTH),
    bitFactors: new Float64Array(256),
    bitOffsets: new Float64Array(2 * 256),
    bitScale: new Float64Array(2),
    bitBias: new Float64Array(2),
    rescoreWeights: new Float64Array(2 * WIDTH),
    rescoreScale: new Float64Array(2),
    rescoreBias: new Float64Array(2),
  };
  const arrays = Object.entries(asked).filter(([, value]) => ArrayBuffer.isView(value));
  expect(arrays).toHaveLength(9);
  for (const [name, value] of arrays) {
    const shorter = (value as Float64Array).subarray(1);
    expect(() => search({ ...asked, [name]: shorter })).toThrow(RangeError);
    expect(() => search({ ...asked, [name]: shorter })).toThrow(new RegExp(`^${name} has`));
    for (const other of [undefined, new Float32Array(shorter.length + 1), [0]])
      expect(() => search({ ...asked, [name]: other })).toThrow(TypeError);
  }
  expect([...(await search(asked)).found]).toEqual([10, 10]);

  const rows = Uint32Array.from([3, 199]);
  const parts = [new Uint8Array(16), new Uint8Array(4), new Uint8Array(144)] as const;
  await files.read(rows, ...parts);
  await files.read(rows, parts[0]);
  await files.read(rows, undefined, undefined, parts[2]);
  for (const part of [0, 1, 2]) {
    const wrong = parts.map((array, i) => (i === part ? array.subarray(1) : array));
    expect(() => files.read(rows, ...wrong)).toThrow(/^(bits|scalars|copies) has/);
  }
  expect(() => files.read(Uint32Array.from([3, ROWS]), ...parts)).toThrow(/row 200 is not stored/);
  expect(() => files.read(rows, undefined, parts[1])).toThrow(/scalars are read with bits/);
  expect(() => files.verify('int8' as never, 0, ROWS, 1, 0)).toThrow(/which must be bits or copies/);
  files.close();

  // Rows without scalars or copies have no use for their tables.
  const bare = new CodeFiles(
    join(folder, 'store/1'),
    { ...layout, scalars: 0, copy: 'none', copyBytes: 0 },
    0,
  );
  const without = { bitFactors: undefined, bitOffsets: undefined, rescoreWeights: undefined };
  for (const name of Object.keys(without))
    expect(() =>
      search({ ...asked, files: bare, rows: 0, passing: 0, ...without, [name]: new Float64Array(256) }),
    ).toThrow(new RegExp(`^${name} must be undefined`));
  bare.close();
});
