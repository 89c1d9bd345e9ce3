import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NpyWriter, openNpy, parseCodec } from '@nestbit/core';
import { beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { nestbit, start } from '../support/nestbit.ts';
import { randomVectors, sameBytes } from '../support/vectors.ts';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const model = fileURLToPath(new URL('../fixtures/tiny-model', import.meta.url));

async function write(name: string, values: Float32Array, dimensions: number): Promise<void> {
  const writer = await NpyWriter.create(path(name), 'float32', dimensions);
  await writer.append(values);
  await writer.commit();
}

async function readCodes(name: string): Promise<Int8Array | Uint8Array> {
  const file = await openNpy(path(name));
  return await file.readCodes().finally(() => file.close());
}

const docs = randomVectors(2000, 40);
beforeAll(async () => {
  await write('docs.npy', docs, 40);
  await write('queries.npy', randomVectors(20, 40, 7), 40);
  await write('narrow.npy', randomVectors(20, 16, 7), 16);
  writeFileSync(path('texts.jsonl'), '{"id":"a","text":"red cat"}\n{"id":"b","text":"big dog"}\n');
});

test('calibrate, encode and evaluate give what the library gives', async () => {
  const made = await nestbit(
    'calibrate',
    path('docs.npy'),
    '--out',
    path('codec.json'),
    '--dimensions',
    '32',
    '--json',
  );
  expect(made).toMatchObject({ status: 0, err: '' });
  const codec = parseCodec(readFileSync(path('codec.json'), 'utf8'));
  expect(JSON.parse(made.out)).toMatchObject({ rows: 2000, dimensions: 32, fingerprint: codec.fingerprint });

  const encoded = await nestbit(
    'encode',
    path('docs.npy'),
    '--codec',
    path('codec.json'),
    '--out',
    path('codes'),
    '--json',
  );
  expect(encoded).toMatchObject({ status: 0, err: '' });
  expect(JSON.parse(encoded.out)).toMatchObject({ rows: 2000, saturated: 0 });
  const codes = codec.encode(docs);
  expect(sameBytes(await readCodes('codes/bits.npy'), codes.bits)).toBe(true);
  expect(sameBytes(await readCodes('codes/scalars.npy'), codes.scalars)).toBe(true);
  expect(sameBytes(await readCodes('codes/copies.npy'), codes.copies)).toBe(true);

  const files = [path('docs.npy'), '--queries', path('queries.npy'), '--codec', path('codec.json')];
  const measured = await nestbit(
    'evaluate',
    ...files,
    '-k',
    '5',
    '--oversample',
    '2,4',
    '--prefilter',
    '100,2000',
    '--json',
  );
  expect(measured).toMatchObject({ status: 0, err: '' });
  const { k, queries, results } = JSON.parse(measured.out);
  expect([k, queries, results.length]).toEqual([5, 20, 10]);
  expect(results[0]).toEqual({ stage: 'hamming', candidates: 100, recall: expect.any(Number) });
  expect(results.find((result: { candidates: number }) => result.candidates === 2000).recall).toBe(1);
  expect((await nestbit('evaluate', ...files)).out).toMatch(/rescore .* 0\.\d{4}/);
});

test('texts become embeddings, and with a codec of the model become codes', async () => {
  const texts = [path('texts.jsonl'), '--model', model];
  const embedded = await nestbit('encode', ...texts, '--out', path('embedded'), '--json');
  expect(embedded).toMatchObject({ status: 0, err: '' });
  const file = await openNpy(path('embedded/embeddings.npy'));
  expect([file.rows, file.dimensions]).toEqual([2, 8]);
  await file.close();
  expect(readFileSync(path('embedded/ids.jsonl'), 'utf8')).toBe('{"id":"a"}\n{"id":"b"}\n');
  const made = await nestbit(
    'calibrate',
    path('embedded/embeddings.npy'),
    '--model-name',
    'other',
    '--out',
    path('other.json'),
  );
  expect(made.status).toBe(0);
  expect(made.err).toMatch(/2 rows only/);
  const refused = await nestbit('encode', ...texts, '--codec', path('other.json'), '--out', path('never'));
  expect(refused.status).toBe(1);
  expect(refused.err).toMatch(/CODEC_MISMATCH: .*other, not of tiny-model@/);
  expect(existsSync(path('never'))).toBe(false);
});

test('bad usage is 2, failures are 1, each with the reason', async () => {
  expect((await nestbit('--help')).status).toBe(0);
  for (const args of [
    [],
    ['frobnicate'],
    ['calibrate', path('docs.npy')],
    ['calibrate', path('docs.npy'), '--out', 'x', '--rotation', 'some'],
    ['encode', path('docs.npy'), '--out', path('x')],
    ['evaluate', path('docs.npy'), '--queries', path('queries.npy'), '-k', 'ten'],
    ['evaluate', path('docs.npy'), '--queries', path('queries.npy'), '--prefilter', '1,,2'],
  ]) {
    expect((await nestbit(...args)).status, args.join(' ')).toBe(2);
  }
  const evaluate = (...args: string[]) => nestbit('evaluate', path('docs.npy'), '--queries', ...args);
  expect(await evaluate(path('missing.npy'))).toMatchObject({
    status: 1,
    err: expect.stringContaining('FILE_NOT_FOUND'),
  });
  expect(await evaluate(path('narrow.npy'))).toMatchObject({
    status: 1,
    err: expect.stringMatching(/BATCH_SHAPE.*16.*40/),
  });
  const json = await evaluate(path('queries.npy'), '-k', '0', '--json');
  expect(JSON.parse(json.err).error).toMatchObject({
    code: 'SEARCH_LIMIT',
    message: expect.stringContaining('k is 0'),
  });
});

test('a bad row in the middle, and Ctrl-C, leave no file', async () => {
  const bad = randomVectors(100_000, 40);
  await write('long.npy', bad, 40);
  bad[99_999 * 40] = Number.NaN;
  await write('bad.npy', bad, 40);
  await nestbit('calibrate', path('docs.npy'), '--out', path('codec40.json'));
  const failed = await nestbit(
    'encode',
    path('bad.npy'),
    '--codec',
    path('codec40.json'),
    '--out',
    path('bad'),
  );
  expect(failed).toMatchObject({ status: 1, err: expect.stringContaining('VECTOR_NOT_FINITE') });
  expect(readdirSync(path('bad'))).toEqual([]);
  const child = start('encode', path('long.npy'), '--codec', path('codec40.json'), '--out', path('stopped'));
  const ended = new Promise<number | null>((resolve) => {
    child.on('exit', resolve);
  });
  while (!existsSync(path('stopped'))) await new Promise((resolve) => setTimeout(resolve, 2));
  child.kill('SIGINT');
  const status = await ended;
  const left = readdirSync(path('stopped'));
  // Stopped in time, or all done before the signal came; nothing between.
  expect([
    [1, []],
    [0, ['bits.npy', 'int8.npy']],
  ]).toContainEqual([status, left]);
});

test('ingest fills a store that search, stats and compact work on', async () => {
  const store = `faiss:${path('store')}`;
  const filled = await nestbit('ingest', path('docs.npy'), '--store', store, '--json');
  expect(filled).toMatchObject({ status: 0, err: '' });
  expect(JSON.parse(filled.out)).toMatchObject({ rows: 2000, store });
  // The same rows once more: their ids are the row numbers, so none is new.
  expect((await nestbit('ingest', path('docs.npy'), '--store', store)).status).toBe(0);
  const stats = await nestbit('stats', '--store', store, '--json');
  expect(JSON.parse(stats.out)).toMatchObject({ rows: 2000, dead: 2000, index: { kind: 'flat' } });
  const found = await nestbit('search', '--store', store, '--queries', path('docs.npy'), '-k', '1', '--json');
  const lines = found.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(2000);
  const own = lines.filter(({ query, hits }) => hits[0].id === String(query));
  expect(own.length).toBeGreaterThan(1990);
  expect((await nestbit('compact', '--store', store)).out).toBe('2000 rows, 2000 dead ones removed\n');
  const foreign = await nestbit('search', '--store', store, '--queries', path('narrow.npy'));
  expect(foreign).toMatchObject({ status: 1 });
  expect((await nestbit('stats', '--store', `faiss:${path('none')}`)).err).toMatch(/STORE_NOT_FOUND/);
  expect((await nestbit('stats', '--store', 'nothing')).status).toBe(2);
});
