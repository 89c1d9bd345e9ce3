import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { floatIndexBytes } from '../support/float-index.ts';
import { nestbit, start } from '../support/nestbit.ts';
import { nestbitLines } from '../support/nestbit-lines.ts';
import { randomVectors } from '../support/vectors.ts';

const WIDTH = 16;
const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);

/** A file of vectors, by what a row has beside its vector. */
function lines(name: string, rows: number, more: (row: number) => object): string {
  const vectors = randomVectors(rows, WIDTH, 3);
  const text = Array.from({ length: rows }, (_, row) => {
    const vector = [...vectors.subarray(row * WIDTH, (row + 1) * WIDTH)];
    return `${JSON.stringify({ ...more(row), vector })}\n`;
  });
  writeFileSync(path(name), text.join(''));
  return path(name);
}

test('new and replaced rows are counted, and --first-id puts rows beside those there are', async () => {
  const store = `faiss:${path('counted')}`;
  const first = lines('part-0.jsonl', 300, () => ({}));
  const second = lines('part-1.jsonl', 200, () => ({}));
  const given = lines('given.jsonl', 2, (row) => ({ id: `row ${row}` }));
  const ingest = (...args: string[]): string[] => ['ingest', ...args, '--store', store];
  const [made, again, beside, stats, refused, fraction] = await nestbitLines(
    ingest(first),
    ingest(second, '--json'),
    ingest(second, '--first-id', '300', '--json'),
    ['stats', '--store', store],
    ingest(given, '--first-id', '5'),
    ingest(first, '--first-id', '1.5'),
  );
  expect(made).toEqual({
    status: 0,
    out: `300 rows are in ${store}: 300 new, 0 replaced\n`,
    err: '',
  });
  expect(JSON.parse(again.out)).toMatchObject({ rows: 200, added: 0, replaced: 200 });
  expect(again.err).toMatch(/200 rows replaced.*--first-id.*nestbit compact --store faiss:/);
  expect(JSON.parse(beside.out)).toMatchObject({ rows: 200, added: 200, replaced: 0 });
  expect(beside.err).toBe('');
  expect(stats.out).toMatch(/^rows +500\n/);
  expect(stats.out).toMatch(/\nbytes\.\w+ +[\d,]+\n/);
  expect(stats.out).toMatch(/\nindex\.kind +flat\n/);
  expect(refused).toMatchObject({ status: 2, err: expect.stringMatching(/has ids of its own/) });
  expect(fraction.status).toBe(2);
});

test('an id that comes twice is refused in whichever batches it stands, and so are ids on some lines', async () => {
  const twice = lines('twice.jsonl', 2500, (row) => ({ id: row === 2400 ? 'id 7' : `id ${row}` }));
  const some = lines('some.jsonl', 1500, (row) => (row === 1400 ? {} : { id: row }));
  const [refused, mixed] = await nestbitLines(
    ['ingest', twice, '--store', `faiss:${path('twice')}`],
    ['ingest', some, '--store', `faiss:${path('some')}`],
  );
  expect(refused).toMatchObject({
    status: 1,
    err: expect.stringMatching(/ID_DUPLICATE: The id id 7 comes a second time in row 2400/),
  });
  expect(mixed.err).toMatch(/DATASET_INVALID: .*line 1401/);
});

test('options for a new store are refused where one of another kind is', async () => {
  const store = `faiss:${path('there')}`;
  const source = lines('there.jsonl', 200, (row) => ({ id: row, lang: 'en' }));
  const codec = path('codec.json');
  const ingest = (...options: string[]) => ['ingest', source, '--store', store, ...options];
  const search = (...options: string[]) => [
    ...['search', '--store', store, '--queries', source, '-k', '1'],
    ...options,
  ];
  const [made, calibrated, otherIndex, otherCodec, noCodec, sameIndex, noFilter, noOperator, shown] =
    await nestbitLines(
      ingest(),
      ['calibrate', source, '--out', codec, '--dimensions', '8'],
      ingest('--index', 'hnsw'),
      ingest('--codec', codec),
      ingest('--codec', path('none.json')),
      ingest('--index', 'flat'),
      search('--filter', '[]'),
      search('--filter', '{"lang":{"like":1}}'),
      search('--payloads', '--json'),
    );
  expect([made.status, calibrated.status, sameIndex.status]).toEqual([0, 0, 0]);
  expect(otherIndex).toMatchObject({
    status: 2,
    err: expect.stringMatching(/its index is flat, not hnsw.*Leave out --index/),
  });
  expect(otherCodec).toMatchObject({
    status: 1,
    err: expect.stringMatching(/CODEC_MISMATCH: .*Leave out --codec/),
  });
  expect(noCodec.err).toMatch(/FILE_NOT_FOUND: .*none\.json/);
  expect(noFilter).toMatchObject({ status: 2, err: expect.stringMatching(/USAGE/) });
  expect(noOperator).toMatchObject({
    status: 1,
    err: expect.stringMatching(/FILTER_OPERATOR/),
  });
  expect(JSON.parse(shown.out.split('\n')[0]).hits[0].payload).toEqual({ lang: 'en' });
});

test('a reader that ends early is no failure, and failures of the system have names', async () => {
  const source = lines('many.jsonl', 3000, () => ({}));
  const store = `faiss:${path('piped')}`;
  expect((await nestbit('ingest', source, '--store', store)).status).toBe(0);
  const child = start('search', '--store', store, '--queries', source, '-k', '50');
  let err = '';
  child.stderr.on('data', (data) => {
    err += data;
  });
  const status = new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  child.stdout.once('data', () => child.stdout.destroy());
  expect([await status, err]).toEqual([0, '']);
  writeFileSync(path('file'), '');
  const exists = await nestbit('calibrate', source, '--out', path('file/codec.json'));
  expect(exists).toMatchObject({ status: 1, err: expect.stringMatching(/^nestbit: FILE_WRITE: [^\n]*\n$/) });
  await nestbit('calibrate', source, '--out', path('c16.json'));
  const folderThere = await nestbit('encode', source, '--codec', path('c16.json'), '--out', path('file'));
  expect(folderThere).toMatchObject({
    status: 1,
    err: expect.stringMatching(/^nestbit: FILE_WRITE: [^\n]*\n$/),
  });
});

test('errors speak of commands, misspelt options are recognised, and the version is there', async () => {
  expect((await nestbit('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  const none = await nestbit('stats', '--store', `faiss:${path('nothing')}`);
  expect(none.err).toMatch(/STORE_NOT_FOUND: .*make one with nestbit ingest/);
  process.env.NESTBIT_STORE = `faiss:${path('elsewhere')}`;
  expect((await nestbit('stats')).err).toMatch(/STORE_NOT_FOUND: .*elsewhere/);
  delete process.env.NESTBIT_STORE;
  const misspelt = await nestbit('stats', '--stroe', `faiss:${path('nothing')}`);
  expect(misspelt).toMatchObject({ status: 2, err: expect.stringMatching(/Did you mean --store\?/) });
});

test('a LangChain folder out of step is refused or its vectors without a document are named', async () => {
  const store = path('langchain');
  mkdirSync(store);
  writeFileSync(join(store, 'faiss.index'), floatIndexBytes('IxFI', randomVectors(30, WIDTH), WIDTH));
  const document = (text: string): [string, object] => [
    text,
    { pageContent: `text ${text}`, metadata: { pageContent: 'mine' } },
  ];
  const write = (ids: string[], rows: Record<number, string>): void =>
    writeFileSync(join(store, 'docstore.json'), JSON.stringify([ids.map(document), rows]));
  const all = Array.from({ length: 30 }, (_, row) => `d${row}`);
  const ingest = (name: string) => nestbit('ingest', store, '--store', `faiss:${path(name)}`);
  // Shifted by one: the first document has no vector, the last one a row beyond the index.
  write(all, Object.fromEntries(all.slice(1).map((id, row) => [row, id])));
  expect((await ingest('shifted')).err).toMatch(/DATASET_INVALID: .*1 of 30 documents have no vector \(d0\)/);
  write(all, Object.fromEntries(all.map((id, row) => [row + 1, id])));
  expect((await ingest('beyond')).err).toMatch(/DATASET_INVALID: .*row 30 to d29.*30 rows/);
  write(all.slice(0, 28), Object.fromEntries(all.map((id, row) => [row, id])));
  const some = await ingest('some-gone');
  expect(some).toMatchObject({ status: 0, out: expect.stringMatching(/^28 rows/) });
  expect(some.err).toMatch(/2 of 30 vectors are passed over.*rows 28, 29/);
  const found = await nestbit(
    'search',
    '--store',
    `faiss:${path('some-gone')}`,
    '--queries',
    lines('q.jsonl', 1, () => ({})),
    '-k',
    '1',
    '--payloads',
    '--json',
  );
  expect(JSON.parse(found.out).hits[0].payload).toMatchObject({
    pageContent: expect.stringMatching(/^text d/),
    'metadata.pageContent': 'mine',
  });
});
