import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openVectors, readJsonl, readTextRecords, readVectorRecords } from '@nestbit/core';
import { expect, test } from 'vitest';
import { collect, refusal, temporaryFolder } from '../support/files.ts';

const folder = temporaryFolder();
function write(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

test('text records keep ids, join titles, number the rest, and read gzip by its content', async () => {
  const text =
    '\uFEFF{"_id":"a","title":"T","text":"x","year":2016}\n\n{"id":7,"text":"y"}\r\n{"id":"c","title":"","text":"z"}';
  const expected = [
    { id: 'a', text: 'T x', payload: { year: 2016 } },
    { id: 7n, text: 'y', payload: {} },
    { id: 'c', text: 'z', payload: {} },
  ];
  expect(await collect(readTextRecords(write('t.jsonl', text)))).toEqual(expected);
  expect(await collect(readTextRecords(write('t2.jsonl', gzipSync(text))))).toEqual(expected);
});

test('vector records become batches', async () => {
  const path = write(
    'v.jsonl',
    '{"id":"a","vector":[1,2]}\n{"id":"1","embedding":[3,4]}\n{"id":9,"embedding":[5,6.5]}',
  );
  const source = await openVectors(path);
  expect(source.dimensions).toBe(2);
  const batches = await collect(source.batches({ batchRows: 2 }));
  expect(batches.map(({ firstRow, ids, vectors }) => ({ firstRow, ids, vectors: [...vectors] }))).toEqual([
    { firstRow: 0, ids: ['a', '1'], vectors: [1, 2, 3, 4] },
    { firstRow: 2, ids: [9n], vectors: [5, 6.5] },
  ]);
});

test('ids stand on every line or on none', async () => {
  const numbered = '{"text":"x","vector":[1]}\n{"text":"y","vector":[2]}';
  const records = await collect(readTextRecords(write('none-given.jsonl', numbered)));
  expect(records.map(({ id }) => id)).toEqual([0n, 1n]);
  const batches = await collect(readVectorRecords(write('none-given.jsonl', numbered)));
  expect(batches.map(({ ids }) => ids)).toEqual([undefined]);
  for (const some of [
    '{"text":"x","vector":[1]}\n{"id":0,"text":"y","vector":[2]}',
    '{"_id":"a","text":"x","vector":[1]}\n{"id":null,"text":"y","vector":[2]}',
  ]) {
    for (const read of [readTextRecords, readVectorRecords]) {
      expect(await refusal(() => collect(read(write('some.jsonl', some)) as AsyncIterable<unknown>))).toMatch(
        /^JSONL_INVALID: .*line 2: line [12] has an "id" and line [12] has none/,
      );
    }
  }
  const rounded = '{"id":9007199254740993,"text":"x"}';
  expect(await refusal(() => collect(readTextRecords(write('rounded.jsonl', rounded))))).toMatch(/as text/);
});

test('a malformed line is refused by its number', async () => {
  const refused = (
    content: string | Buffer,
    read: (path: string) => AsyncIterable<unknown>,
  ): Promise<string> => refusal(() => collect(read(write('bad.jsonl', content))));
  expect(await refused('{"text":"a"}\n\n{"text":', readJsonl)).toMatch(
    /^JSONL_INVALID: .*line 3: it is not JSON/,
  );
  expect(await refused('[1]', readJsonl)).toMatch(/line 1: it is not a JSON object/);
  expect(await refused('{"text":"a"}\n{"text":5}', readTextRecords)).toMatch(/line 2: .*"text"/);
  expect(await refused('{"id":1.5,"text":"a"}', readTextRecords)).toMatch(/line 1: .*"id"/);
  expect(await refused('{"vector":[1,2]}\n{"vector":[1]}', readVectorRecords)).toMatch(
    /line 2: .*1 values.*2/,
  );
  expect(await refused('{"vector":[1,"2"]}', readVectorRecords)).toMatch(/line 1: value 1/);
  expect(await refused('{"text":"a"}', readVectorRecords)).toMatch(/line 1: .*"embedding"/);
});

test('text behind gzip data is called that', async () => {
  const path = write(
    'behind.jsonl.gz',
    Buffer.concat([gzipSync('{"text":"a"}\n'), Buffer.from('{"text":"b"}\n')]),
  );
  expect(await refusal(() => collect(readJsonl(path)))).toMatch(/^JSONL_INVALID: .*behind its gzip data/);
});

test('a gzip that breaks off is an error, not an end', async () => {
  const whole = gzipSync(Array.from({ length: 5000 }, (_, i) => `{"text":"${i * 7919}"}`).join('\n'));
  const path = write('cut.jsonl.gz', whole.subarray(0, whole.length / 2));
  expect(await refusal(() => collect(readJsonl(path)))).toMatch(
    /^JSONL_INVALID: .*breaks off after line \d+/,
  );
});

test('a file without any vector is refused', async () => {
  expect(await refusal(() => openVectors(write('none.jsonl', '\n')))).toMatch(/^BATCH_EMPTY/);
});

test('lines end at 0x0A only, as other tools count them', async () => {
  const text = '{"text":"a\u2028b\u2029c"}\n\r\n{"text":"d"}\r\n{"text":"e"}';
  const lines = await collect(readJsonl(write('ends.jsonl', text)));
  expect(lines).toEqual([
    { line: 1, value: { text: 'a\u2028b\u2029c' } },
    { line: 3, value: { text: 'd' } },
    { line: 4, value: { text: 'e' } },
  ]);
  // A carriage return alone ends no line.
  expect(await refusal(() => collect(readJsonl(write('cr.jsonl', '{"text":"a"}\r{"text":"b"}'))))).toMatch(
    /^JSONL_INVALID: .*line 1: it is not JSON/,
  );
});

test('bytes that are not UTF-8 are refused with their line, not replaced', async () => {
  for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x80]]) {
    const content = Buffer.concat([
      Buffer.from('{"text":"é"}\n{"text":"'),
      Buffer.from(bytes),
      Buffer.from('"}\n'),
    ]);
    for (const path of [write('latin.jsonl', content), write('latin.jsonl.gz', gzipSync(content))])
      expect(await refusal(() => collect(readJsonl(path)))).toMatch(
        /^JSONL_INVALID: .*line 2: it is not valid UTF-8/,
      );
  }
});

test('a line past the bound is refused before it is taken into memory', async () => {
  const path = write('long.jsonl', `{"text":"a"}\n{"text":"${'b'.repeat(300_000)}"}`);
  expect(await refusal(() => collect(readJsonl(path, undefined, { longestLine: 100_000 })))).toMatch(
    /^JSONL_INVALID: .*line 2: it is longer than 100000 bytes/,
  );
  expect(await collect(readJsonl(path))).toHaveLength(2);
});

test('a pipe in place of a file is refused at once, however many', async () => {
  const pipe = join(folder, 'pipe.jsonl');
  execFileSync('mkfifo', [pipe]);
  const npy = join(folder, 'pipe.npy');
  execFileSync('mkfifo', [npy]);
  // More than Node has file threads.
  const reads = Array.from({ length: 8 }, (_, i) => refusal(() => openVectors(i % 2 ? pipe : npy)));
  for (const end of await Promise.all(reads))
    expect(end).toMatch(/^FILE_NOT_FOUND: .*is a named pipe, not a file/);
});
