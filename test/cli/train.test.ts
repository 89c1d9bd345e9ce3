import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { nestbit, type Run, start } from '../support/nestbit.ts';
import { fileHashes, topicPairs } from '../support/train-corpus.ts';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const jsonl = (records: readonly unknown[]): string => records.map((r) => `${JSON.stringify(r)}\n`).join('');
const pairs = topicPairs(800);
writeFileSync(path('a.jsonl'), jsonl(pairs.slice(0, 400)));
writeFileSync(path('b.jsonl.gz'), gzipSync(jsonl(pairs.slice(400))));
const args = (out: string, epochs: number, ...more: string[]): string[] =>
  [
    ['train', path('a.jsonl'), path('b.jsonl.gz'), '--out', path(out), '--dimensions', '32,16,8'],
    ['--vocabulary', '400', '--batch', '64', '--epochs', String(epochs), ...more],
  ].flat();

test('train makes a model of several files, plain and gzipped, and says what is left at each width', async () => {
  const plain = await nestbit(...args('plain', 6));
  expect(plain).toMatchObject({ status: 0, err: '' });
  expect(plain.out).toMatch(/760 pairs, 400 tokens, 66 steps[\s\S]*32 {3}0\.\d{3} {3}100\.0 %[\s\S]* 8 {3}0/);
  const json = await nestbit(...args('json', 6, '--json'));
  expect(JSON.parse(json.out)).toMatchObject({ out: path('json'), pairs: 760, dimensions: [32, 16, 8] });
  expect(fileHashes(path('json'))).toEqual(fileHashes(path('plain')));
});

test('Ctrl-C keeps a checkpoint, says how to go on, and --resume gives the bytes of an uninterrupted run', async () => {
  const epochs = 300;
  expect(await nestbit(...args('whole', epochs))).toMatchObject({ status: 0 });
  const stopped = await new Promise<Run>((resolve) => {
    const child = start(...args('cut', epochs, '--checkpoint-every', '0.01'));
    let err = '';
    child.stderr.on('data', (data) => {
      err += data;
    });
    child.on('close', (status) => resolve({ status, out: '', err }));
    void (async () => {
      while (!existsSync(path('cut.checkpoint'))) await delay(5);
      child.kill('SIGINT');
    })();
  });
  expect(stopped.err).toMatch(/^nestbit: ABORTED: .*stopped after step \d+ of 3300; .*with resume to go on/);
  expect(stopped.status).toBe(1);
  expect(existsSync(path('cut'))).toBe(false);
  expect(await nestbit(...args('cut', epochs, '--resume'))).toMatchObject({ status: 0, err: '' });
  expect(fileHashes(path('cut'))).toEqual(fileHashes(path('whole')));
});

test('wrong options and files are refused', async () => {
  expect(await nestbit(...args('wrong', 1, '--batch', '12'))).toMatchObject({
    status: 2,
    err: 'nestbit: USAGE: batch must be a multiple of 8, got 12\n',
  });
  expect(await nestbit(...args('wrong', 1, '--rate', '0'))).toMatchObject({ status: 2 });
  expect((await nestbit('train', '--out', path('wrong'))).err).toMatch(
    /^nestbit: USAGE: Give the texts to train on/,
  );
  const missing = await nestbit('train', path('none.jsonl'), '--out', path('wrong'));
  expect(missing.err).toMatch(/^nestbit: FILE_NOT_FOUND: .*none\.jsonl/);
  writeFileSync(path('bad.jsonl'), `${jsonl(pairs)}{"anchor":"a"}\n`);
  const bad = await nestbit('train', path('bad.jsonl'), '--out', path('wrong'));
  expect(bad).toMatchObject({ status: 1 });
  expect(bad.err).toMatch(/^nestbit: JSONL_INVALID: .*bad\.jsonl, line 801: it has neither/);
  expect(existsSync(path('wrong'))).toBe(false);
});
