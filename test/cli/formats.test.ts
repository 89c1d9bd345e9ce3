import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Id, Payload, VectorBatch } from '@nestbit/core';
import { NpyWriter, safetensorsFile } from '@nestbit/core';
import * as arrow from 'apache-arrow';
import { zipSync } from 'fflate';
import h5 from 'h5wasm/node';
import { parquetWriteFile } from 'hyparquet-writer';
import { expect, test, vi } from 'vitest';
import { openVectorFile } from '../../packages/cli/src/formats/open.ts';
import type { FieldOptions } from '../../packages/cli/src/formats/shapes.ts';
import { openSource } from '../../packages/cli/src/source.ts';
import { collect, refusal, temporaryFolder } from '../support/files.ts';
import { floatIndexBytes } from '../support/float-index.ts';
import { start } from '../support/nestbit.ts';

const folder = temporaryFolder();
const ROWS = [
  [0.5, -1, 2],
  [0.25, 3, -4],
  [1, 0, 8],
];
const VALUES = Float32Array.from(ROWS.flat());

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

/** What a file gives, whole. */
async function read(
  path: string,
  options: FieldOptions = {},
): Promise<{ vectors: number[][]; ids: Id[] | undefined; payloads: (Payload | undefined)[] }> {
  const source = await openVectorFile(path, options);
  const batches: VectorBatch[] = await collect(source.batches({ batchRows: 2 }));
  await source.close();
  const vectors = batches.flatMap(({ rows, dimensions, vectors: values }) =>
    Array.from({ length: rows }, (_, row) => [...values.subarray(row * dimensions, (row + 1) * dimensions)]),
  );
  expect(source.dimensions).toBe(ROWS[0].length);
  expect(source.hasIds).toBe(batches[0].ids !== undefined);
  const ids = source.hasIds === true ? batches.flatMap((batch) => [...(batch.ids ?? [])]) : undefined;
  return { vectors, ids, payloads: batches.flatMap((batch) => [...(batch.payloads ?? [])]) };
}

const json = (value: unknown): string => JSON.stringify(value);
const lines = (records: readonly unknown[]): string => records.map((record) => `${json(record)}\n`).join('');
const base64 = (row: readonly number[]): string =>
  Buffer.from(Float32Array.from(row).buffer).toString('base64');
const TEXT_IDS = ['a', 'b', 'c'];

test('records of services and libraries are read by their shapes', async () => {
  const each = <T>(make: (vector: number[], row: number) => T): T[] => ROWS.map(make);
  const shapes: [string, string][] = [
    ['lines.jsonl', lines(each((embedding, i) => ({ id: TEXT_IDS[i], embedding, year: i })))],
    ['lines.ndjson', lines(each((vector, i) => ({ _id: TEXT_IDS[i], vector, year: i })))],
    ['array.json', json(each((vector, i) => ({ id: TEXT_IDS[i], vector, year: i })))],
    // Called lines, and an array over many lines.
    [
      'array.jsonl',
      JSON.stringify(
        each((vector, i) => ({ id: TEXT_IDS[i], vector, year: i })),
        undefined,
        2,
      ),
    ],
    [
      'pinecone.json',
      json({ vectors: each((values, i) => ({ id: TEXT_IDS[i], values, metadata: { year: i } })) }),
    ],
    [
      'qdrant.json',
      json({ result: { points: each((vector, i) => ({ id: TEXT_IDS[i], vector, payload: { year: i } })) } }),
    ],
    ['pandas.jsonl', lines(each((row, i) => ({ id: TEXT_IDS[i], embedding: json(row), year: i })))],
    ['numpy.jsonl', lines(each((row, i) => ({ id: TEXT_IDS[i], embedding: `[${row.join(' ')}]`, year: i })))],
    ['base64.jsonl', lines(each((row, i) => ({ id: TEXT_IDS[i], embedding: base64(row), year: i })))],
  ];
  for (const [name, content] of shapes) {
    const found = await read(write(name, content));
    expect(found, name).toEqual({
      vectors: ROWS,
      ids: TEXT_IDS,
      payloads: [{ year: 0 }, { year: 1 }, { year: 2 }],
    });
    const zipped = await read(write(`${name}.gz`, gzipSync(lines([{ id: 'z', vector: ROWS[0] }]))));
    expect(zipped.ids).toEqual(['z']);
  }
});

test('answers of embedding services are read, with ids where a batch has them', async () => {
  const data = ROWS.map((embedding, index) => ({ object: 'embedding', index, embedding }));
  const unnamed = { vectors: ROWS, ids: undefined, payloads: [undefined, undefined, undefined] };
  expect(await read(write('openai.json', json({ object: 'list', data })))).toEqual(unnamed);
  expect(await read(write('cohere.json', json({ embeddings: { float: ROWS } })))).toEqual(unnamed);
  expect(await read(write('rows.json', json(ROWS)))).toEqual(unnamed);
  const batch = ROWS.map((embedding, i) => ({
    id: `batch_${i}`,
    custom_id: TEXT_IDS[i],
    response: { status_code: 200, body: { data: [{ object: 'embedding', index: 0, embedding }] } },
    error: null,
  }));
  expect(await read(write('batch.jsonl', lines(batch)))).toEqual({ ...unnamed, ids: TEXT_IDS });
});

test('fields are named where they have other names', async () => {
  const records = ROWS.map((v, i) => ({ key: i, v, id: 'other' }));
  const path = write('named.jsonl', lines(records));
  const found = await read(path, { vectorField: 'v', idField: 'key' });
  expect(found).toMatchObject({
    ids: [0n, 1n, 2n],
    payloads: [{ id: 'other' }, { id: 'other' }, { id: 'other' }],
  });
  expect(await refusal(() => read(path))).toMatch(/^DATASET_INVALID: .*line 1: .*key, v, id.*--vector-field/);
  expect(await refusal(() => read(path, { vectorField: 'v', idField: 'no' }))).toMatch(/--id-field/);
});

test('Parquet and Arrow give vectors, ids and columns', async () => {
  const parquet = join(folder, 'rows.parquet');
  parquetWriteFile({
    filename: parquet,
    columnData: [
      { name: 'id', data: [10n, 11n, 12n], type: 'INT64' },
      { name: 'embedding', data: ROWS, type: 'JSON' },
      { name: 'large', data: [1n, 2n ** 60n, 3n], type: 'INT64' },
      { name: 'lang', data: ['en', 'de', 'fr'], type: 'STRING' },
    ],
  });
  const payloads = [
    { large: 1, lang: 'en' },
    { large: String(2n ** 60n), lang: 'de' },
    { large: 3, lang: 'fr' },
  ];
  expect(await read(parquet)).toEqual({ vectors: ROWS, ids: [10n, 11n, 12n], payloads });
  const list = new arrow.FixedSizeList(3, new arrow.Field('item', new arrow.Float32()));
  const table = new arrow.Table({
    id: arrow.vectorFromArray(TEXT_IDS, new arrow.Utf8()),
    vector: arrow.vectorFromArray(ROWS, list),
    lang: arrow.vectorFromArray(['en', 'de', 'fr'], new arrow.Utf8()),
  });
  for (const form of ['file', 'stream'] as const) {
    const found = await read(write(`rows-${form}.feather`, arrow.tableToIPC(table, form)));
    const langs = [{ lang: 'en' }, { lang: 'de' }, { lang: 'fr' }];
    expect(found, form).toEqual({ vectors: ROWS, ids: TEXT_IDS, payloads: langs });
  }
});

test('matrices are told by content: npy, npz, HDF5, fvecs, bvecs and faiss under any name', async () => {
  const plain = { vectors: ROWS, ids: undefined, payloads: [] };
  const npy = join(folder, 'matrix.bin');
  const writer = await NpyWriter.create(npy, 'float32', 3);
  await writer.append(VALUES);
  await writer.commit();
  expect(await read(npy)).toEqual(plain);
  const array = new Uint8Array(readFileSync(npy));
  expect(await read(write('one.npz', zipSync({ 'arr_0.npy': array })))).toEqual(plain);
  const two = write('two.npz', zipSync({ 'a.npy': array, 'b.npy': array }));
  expect(await refusal(() => read(two))).toMatch(/^DATASET_INVALID: .*2 arrays \(a\.npy, b\.npy\)/);
  await h5.ready;
  const hdf5 = join(folder, 'glove.hdf5');
  const file = new h5.File(hdf5, 'w');
  file.create_dataset({ name: 'train', data: VALUES, shape: [3, 3], dtype: '<f4' });
  file.create_dataset({ name: 'test', data: VALUES.slice(0, 3), shape: [1, 3], dtype: '<f4' });
  file.close();
  expect(await read(hdf5)).toEqual(plain);
  expect((await read(hdf5, { vectorField: 'test' })).vectors).toEqual([ROWS[0]]);
  expect(await refusal(() => read(hdf5, { vectorField: 'nothing' }))).toMatch(/it has .*train/);
  const width = Buffer.alloc(4);
  width.writeInt32LE(3);
  const vecs = ROWS.map((row) => Buffer.concat([width, Buffer.from(Float32Array.from(row).buffer)]));
  expect(await read(write('sift.fvecs', Buffer.concat(vecs)))).toEqual(plain);
  const integers = ROWS.map((_, i) =>
    Buffer.concat([width, Buffer.from(Int32Array.of(i, -5, 70_000).buffer)]),
  );
  expect((await read(write('truth.ivecs', Buffer.concat(integers)))).vectors[2]).toEqual([2, -5, 70_000]);
  const bytes = [...width, 1, 2, 255, ...width, 0, 7, 9];
  const bvecs = await read(write('sift.bvecs', Uint8Array.from(bytes)));
  expect(bvecs.vectors).toEqual([
    [1, 2, 255],
    [0, 7, 9],
  ]);
  expect(await refusal(() => read(write('cut.fvecs', Buffer.concat(vecs).subarray(0, 30))))).toMatch(
    /^DATASET_INVALID/,
  );
  // The dimensions follow the kind of the index, and 64 is also a printable character.
  const wide = floatIndexBytes('IxF2', new Float32Array(128).fill(1), 64);
  const wideFile = await openVectorFile(write('wide.bin', wide), {});
  expect(wideFile.dimensions).toBe(64);
  await wideFile.close();
  for (const name of ['faiss.index', 'vectors.bin', 'VECTORS.FAISS'])
    expect(await read(write(name, floatIndexBytes('IxFI', VALUES, 3))), name).toEqual(plain);
});

test('safetensors: the one matrix, or the one that is named', async () => {
  const matrix = { shape: [3, 3], data: VALUES };
  const one = write(
    'one.safetensors',
    safetensorsFile({ embeddings: matrix, norms: { shape: [3], data: VALUES.slice(0, 3) } }),
  );
  expect(await read(one)).toEqual({ vectors: ROWS, ids: undefined, payloads: [] });
  const two = write(
    'two.bin',
    safetensorsFile({ docs: matrix, queries: { shape: [1, 3], data: VALUES.slice(3, 6) } }),
  );
  expect((await read(two, { vectorField: 'queries' })).vectors).toEqual([ROWS[1]]);
  expect(await refusal(() => read(two))).toMatch(
    /^DATASET_INVALID: .*2 matrices \(docs, queries\).*--vector-field/,
  );
  expect(await refusal(() => read(two, { vectorField: 'x' }))).toMatch(/^DATASET_INVALID: .*docs, queries/);
  const cut = readFileSync(one).subarray(0, -4);
  expect(await refusal(() => read(write('cut.safetensors', cut)))).toMatch(/^DATASET_INVALID/);
});

test('a folder and a pattern are one source with running ids, in the order of their numbers', async () => {
  const shards = join(folder, 'shards');
  mkdirSync(shards);
  const shard = async (name: string, rows: readonly number[][], width = 3): Promise<void> => {
    const writer = await NpyWriter.create(join(shards, name), 'float32', width);
    await writer.append(Float32Array.from(rows.flat()));
    await writer.commit();
  };
  await shard('part-10.npy', [ROWS[2]]);
  await shard('part-2.npy', ROWS.slice(0, 2));
  writeFileSync(join(shards, 'README.md'), 'parts');
  for (const path of [shards, join(shards, 'part-*.npy')]) {
    const source = await openSource(path, {});
    expect(source).toMatchObject({ rows: 3, dimensions: 3, numbered: true });
    const batches = await collect(source.batches(new AbortController().signal));
    expect(batches.flatMap(({ vectors }) => [...vectors])).toEqual(ROWS.flat());
    await source.close();
  }
  const open = (path: string) => refusal(() => openSource(path, {}));
  expect(await open(join(shards, 'none-*.npy'))).toMatch(/^FILE_NOT_FOUND: .*matches no file/);
  await shard('wide.npy', [[1, 2, 3, 4]], 4);
  expect(await open(shards)).toMatch(/^DATASET_INVALID: .*3 dimensions, .*wide\.npy has 4/);
  rmSync(join(shards, 'wide.npy'));
  writeFileSync(join(shards, 'more.jsonl'), lines([{ id: 'a', vector: ROWS[0] }]));
  const mixed = await open(shards);
  expect(mixed).toMatch(/^DATASET_INVALID: .*several kinds/);
  // The pattern that the message advises is one that opens.
  const advised = await openSource(/'(.*)'/.exec(mixed)?.[1] ?? '', {});
  expect(advised.dimensions).toBe(3);
  await advised.close();
  expect(await open(join(shards, '*[elz]'))).toMatch(/^FILE_NOT_FOUND/);
});

test('standard input is a source, and leaves no file behind', async () => {
  const store = `faiss:${join(folder, 'from-pipe')}`;
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  vi.stubEnv('TMPDIR', temporary);
  const child = start('ingest', '-', '--store', store, '--json');
  vi.unstubAllEnvs();
  const records = Array.from({ length: 50 }, (_, i) => ({
    id: `p${i}`,
    vector: Array.from({ length: 16 }, (__, j) => Math.sin(i * 7 + j)),
  }));
  let out = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stdin.end(lines(records));
  await new Promise((resolve) => child.on('close', resolve));
  expect(JSON.parse(out)).toMatchObject({ rows: 50, added: 50 });
  expect(readdirSync(temporary)).toEqual([]);
});

test('Ctrl-C while standard input is awaited ends the command and leaves no file', async () => {
  const temporary = join(folder, 'tmp-aborted');
  mkdirSync(temporary);
  vi.stubEnv('TMPDIR', temporary);
  const child = start('ingest', '-', '--store', `faiss:${join(folder, 'aborted')}`);
  vi.unstubAllEnvs();
  let err = '';
  child.stderr.on('data', (data) => {
    err += data;
  });
  child.stdin.write(lines([{ vector: ROWS[0] }]));
  await vi.waitFor(() => expect(readdirSync(temporary)).toHaveLength(1), { timeout: 10_000 });
  child.kill('SIGINT');
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect([status, err]).toEqual([1, expect.stringMatching(/^nestbit: ABORTED/)]);
  expect(readdirSync(temporary)).toEqual([]);
});

test('what refusals advise makes files that are read', async () => {
  const utf16 = write(
    'advice.jsonl',
    Buffer.from(`\ufeff${lines([{ id: 'a', vector: ROWS[0] }])}`, 'utf16le'),
  );
  const advice = /\((iconv [^)]*)\)/.exec(await refusal(() => read(utf16)))?.[1] ?? 'false';
  const utf8 = execFileSync('sh', ['-c', `${advice} "$0"`, utf16]);
  expect((await read(write('advised.jsonl', utf8))).vectors).toEqual([ROWS[0]]);
  const python = (code: string): void => {
    execFileSync('python3', ['-c', `import numpy as np, sys\n${code}`, folder]);
  };
  python(
    `x = np.zeros(3, dtype=[("id", "i8"), ("vector", "f8", (3,))])
x["vector"] = ${json(ROWS)}
np.save(sys.argv[1] + "/structured.npy", x)
np.save(sys.argv[1] + "/long.npy", np.array([[1, 2, 3]], dtype="i4"))`,
  );
  for (const [name, expected] of [
    ['structured', ROWS],
    ['long', [[1, 2, 3]]],
  ] as const) {
    const said = await refusal(() => read(join(folder, `${name}.npy`)));
    const code = /(np\.save\(path, .*\))\.$/.exec(said)?.[1];
    python(`path = sys.argv[1] + "/${name}.npy"\nx = np.load(path)\n${code}`);
    expect((await read(join(folder, `${name}.npy`))).vectors, said).toEqual(expected);
  }
});

test('what is not a file of vectors is called by its name, with the way out', async () => {
  const refused = (name: string, content: string | Uint8Array): Promise<string> =>
    refusal(() => read(write(name, content)));
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n';
  expect(await refused('lfs.npy', pointer)).toMatch(/^UNSUPPORTED: .*Git LFS pointer.*git lfs pull/);
  const utf16 = Buffer.from(`\ufeff${lines([{ vector: ROWS[0] }])}`, 'utf16le');
  expect(await refused('utf16.jsonl', utf16)).toMatch(/^UNSUPPORTED: .*UTF-16.*iconv/);
  expect(await refused('index.pkl', Uint8Array.of(0x80, 4, 0x95, 0))).toMatch(/pickle.*numpy\.save/);
  expect(await refused('notes.txt', 'hello')).toMatch(/^UNSUPPORTED: .*no known kind/);
  expect(await refused('cut.parquet', 'PAR1nothing')).toMatch(/^DATASET_INVALID: .*Parquet/);
  expect(await refused('cut.arrow', 'ARROW1\0\0nothing')).toMatch(/^(DATASET_INVALID: .*Arrow|BATCH_EMPTY)/);
  expect(await refused('some.jsonl', lines([{ id: 1, vector: [1] }, { vector: [2] }]))).toMatch(
    /give all of them/,
  );
  expect(await refused('width.json', json([[1, 2], [1]]))).toMatch(/record 1: its vector has 1 values/);
  expect(await refused('codes.json', json({ embeddings: { int8: [[1, 2]] } }))).toMatch(/as int8.*floats/);
  expect(await refused('text.jsonl', lines([{ vector: '[1, x]' }]))).toMatch(/line 1: .*array of numbers/);
  expect(await refusal(() => read(join(folder, 'none.parquet')))).toMatch(/^FILE_NOT_FOUND/);
  expect(await refused('empty.jsonl', '')).toMatch(/^BATCH_EMPTY/);
});
