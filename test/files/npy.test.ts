import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NpyWriter, openNpy, openVectors } from '@nestbit/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collect, refusal, temporaryFolder } from '../support/files.ts';
import { randomVectors, sameBytes } from '../support/vectors.ts';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);

function npy(header: string, data: Buffer): Buffer {
  const prefix = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  prefix.writeUInt16LE(header.length, 8);
  return Buffer.concat([prefix, Buffer.from(header, 'latin1'), data]);
}

test('what is written row by row is read back in batches of any size', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 50 }),
      async (rows, dimensions, batchRows) => {
        const x = randomVectors(rows, dimensions, rows);
        const writer = await NpyWriter.create(path('round.npy'), 'float32', dimensions);
        for (let row = 0; row < rows; row++)
          await writer.append(x.subarray(row * dimensions, (row + 1) * dimensions));
        expect(await writer.commit()).toBe(rows);
        const source = await openVectors(path('round.npy'));
        const batches = await collect(source.batches({ batchRows }));
        await source.close();
        const back = Float32Array.from(batches.flatMap((batch) => [...batch.vectors]));
        expect(sameBytes(back, x)).toBe(true);
        expect(batches.map((batch) => batch.firstRow)).toEqual(batches.map((_, i) => i * batchRows));
      },
    ),
    { seed: 20261123, numRuns: 25 },
  );
});

test('two bytes without a name are bfloat16, as ml_dtypes writes it', async () => {
  const values = Float32Array.of(1, -2.5, 0.15625, 3e38, -0, 256);
  // Each of them but 3e38, which rounds, is exact in bfloat16.
  const halves = Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16);
  const header = "{'descr': '|V2', 'fortran_order': False, 'shape': (2, 3), }\n";
  writeFileSync(path('bf16.npy'), npy(header, Buffer.from(halves.buffer)));
  const file = await openNpy(path('bf16.npy'));
  const read = await file.readRows(0, 2);
  await file.close();
  expect([...read.subarray(0, 3)]).toEqual([1, -2.5, 0.15625]);
  expect(read[3] / 3e38).toBeCloseTo(1, 2);
  expect([...read.subarray(4)]).toEqual([-0, 256]);
});

test('numpy opens what is written', async (context) => {
  const python = spawnSync('python3', ['-c', 'import numpy'], { encoding: 'utf8' });
  context.skip(python.status !== 0, 'needs python3 with numpy');
  const writer = await NpyWriter.create(path('codes.npy'), 'int8', 3);
  await writer.append(Int8Array.of(1, -2, 3, -128, 127, 0));
  await writer.commit();
  const print = 'import numpy, sys; x = numpy.load(sys.argv[1]); print(x.dtype, x.tolist())';
  const { stdout } = spawnSync('python3', ['-c', print, path('codes.npy')], { encoding: 'utf8' });
  expect(stdout.trim()).toBe('int8 [[1, -2, 3], [-128, 127, 0]]');
});

test('an aborted or unfinished file leaves nothing under its name, and the old file as it was', async () => {
  writeFileSync(path('kept.npy'), 'old');
  const writer = await NpyWriter.create(path('kept.npy'), 'uint8', 4);
  await writer.append(new Uint8Array(8));
  expect(readFileSync(path('kept.npy'), 'utf8')).toBe('old');
  await writer.abort();
  expect(readFileSync(path('kept.npy'), 'utf8')).toBe('old');
  expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
});

test('a folder that is not there is a clear error', async () => {
  expect(await refusal(() => NpyWriter.create(path('no/such/x.npy'), 'int8', 1))).toMatch(
    /^FILE_WRITE: .*no\/such/,
  );
  expect(await refusal(() => openNpy(path('missing.npy')))).toMatch(/^FILE_NOT_FOUND: .*does not exist/);
  expect(await refusal(() => openVectors(path('x.parquet')))).toMatch(/^UNSUPPORTED: .*\.npy/);
  expect(existsSync(path('no'))).toBe(false);
});

test('Fortran order gives the same rows in every type and byte order', async () => {
  const rows = 7;
  const dimensions = 3;
  const value = (row: number, column: number): number => row * 10 + column - 30;
  const expected = Array.from({ length: rows * dimensions }, (_, i) =>
    value(Math.floor(i / dimensions), i % dimensions),
  );
  const writers: [string, number, (bytes: Buffer, number: number, at: number) => unknown][] = [
    ['<f4', 4, (bytes, number, at) => bytes.writeFloatLE(number, at)],
    ['>f4', 4, (bytes, number, at) => bytes.writeFloatBE(number, at)],
    ['<f8', 8, (bytes, number, at) => bytes.writeDoubleLE(number, at)],
  ];
  for (const [descr, width, set] of writers) {
    const data = Buffer.alloc(rows * dimensions * width);
    for (let column = 0; column < dimensions; column++)
      for (let row = 0; row < rows; row++) set(data, value(row, column), (column * rows + row) * width);
    const header = `{'descr': '${descr}', 'fortran_order': True, 'shape': (${rows}, ${dimensions}), }\n`;
    writeFileSync(path('columns.npy'), npy(header, data));
    const file = await openNpy(path('columns.npy'));
    const found: number[] = [];
    for await (const { vectors } of file.vectors({ batchRows: 3 })) found.push(...vectors);
    expect(found, descr).toEqual(expected);
    await file.close();
  }
});

test('truncated, garbage and foreign files are refused before anything is allocated', async () => {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 8), }\n";
  const cases: [string, Buffer, RegExp][] = [
    ['short', npy(header, Buffer.alloc(159)), /^NPY_INVALID: .*needs 160 bytes.*159/],
    ['garbage', Buffer.from('not an array at all'), /^NPY_INVALID: .*magic/],
    ['fortran', npy(header.replace('False', 'True'), Buffer.alloc(159)), /^NPY_INVALID: .*needs 160 bytes/],
    ['huge', npy(header.replace('(5, 8)', '(4000000000, 1024)'), Buffer.alloc(160)), /^NPY_INVALID: .*needs/],
    ['object', npy(header.replace('<f4', '|O'), Buffer.alloc(160)), /^NPY_UNSUPPORTED/],
  ];
  for (const [name, bytes, expected] of cases) {
    writeFileSync(path(`${name}.npy`), bytes);
    expect(await refusal(() => openNpy(path(`${name}.npy`)))).toMatch(expected);
  }
});

test('an abort ends the stream', async () => {
  writeFileSync(
    path('long.npy'),
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (50, 8), }\n", Buffer.alloc(1600)),
  );
  const controller = new AbortController();
  const file = await openNpy(path('long.npy'));
  let rows = 0;
  const run = async (): Promise<void> => {
    for await (const batch of file.vectors({ batchRows: 10, signal: controller.signal })) {
      rows += batch.rows;
      controller.abort();
    }
  };
  expect(await refusal(run)).toMatch(/^ABORTED/);
  expect(rows).toBe(10);
  await file.close();
});

test('a file of 1 GB streams in bounded memory', () => {
  const big = path('big.npy');
  writeFileSync(
    big,
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (262144, 1024), }\n", Buffer.alloc(0)),
  );
  truncateSync(big, 10 + 68 + 2 ** 30);
  const script = `
    import { openNpy } from '@nestbit/core';
    const file = await openNpy(${JSON.stringify(big)});
    let rows = 0;
    for await (const batch of file.vectors()) rows += batch.rows;
    console.log(JSON.stringify({ rows, megabytes: process.resourceUsage().maxRSS / 1024 }));`;
  const run = spawnSync(process.execPath, [...process.execArgv, '--input-type=module', '-e', script], {
    encoding: 'utf8',
    cwd: new URL('..', import.meta.url),
  });
  expect(run.stderr).not.toMatch(/Error/);
  const { rows, megabytes } = JSON.parse(run.stdout);
  expect(rows).toBe(262_144);
  expect(megabytes).toBeLessThan(300);
});
