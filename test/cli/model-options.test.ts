import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { openVectors } from '@nestbit/core';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { nestbit, type Run } from '../support/nestbit.ts';
import { changedModel, expectClose, mean, tinyModel, vector } from '../support/tiny-model.ts';

const folder = temporaryFolder();
const texts = join(folder, 'texts.jsonl');
writeFileSync(texts, '{"id":"a","text":"red cat"}\n{"id":"b","text":"big dog"}\n');
const unit = (x: readonly number[]): number[] => x.map((value) => value / Math.hypot(...x));
let made = 0;

/** The first row of what `nestbit encode` writes. */
async function encoded(model: string, ...options: string[]): Promise<number[]> {
  const out = join(folder, `out-${made++}`);
  const run = await nestbit('encode', texts, '--model', model, '--out', out, ...options);
  expect(run).toMatchObject({ status: 0 });
  const file = await openVectors(join(out, 'embeddings.npy'));
  try {
    for await (const { vectors } of file.batches({})) return [...vectors.subarray(0, file.dimensions)];
    return [];
  } finally {
    await file.close();
  }
}

test('encode takes pooling, prompts by text and by name, the longest input and a truncation', async () => {
  const words = ['[CLS]', 'red', 'cat', '[SEP]'];
  expectClose(await encoded(tinyModel, '--pooling', 'mean'), unit(mean(...words)));
  const both = [...vector('[CLS]'), ...mean(...words)];
  expectClose(await encoded(tinyModel, '--pooling', 'mean, cls'), unit(both));
  const text = ['--pooling', 'mean', '--prompt', 'small fish '];
  expectClose(await encoded(tinyModel, ...text), unit(mean('[CLS]', 'small', 'fish', ...words.slice(1))));
  const named = ['--pooling', 'mean', '--prompt-name', 'passage'];
  expectClose(await encoded(tinyModel, ...named), unit(mean('[CLS]', 'passage', ':', ...words.slice(1))));
  const cut = ['--pooling', 'mean', '--max-length', '3', '--truncate-dim', '4'];
  expectClose(await encoded(tinyModel, ...cut), unit(mean('[CLS]', 'red', '[SEP]').slice(0, 4)));
  // An option wins before the folder is judged.
  const odd = changedModel(folder, { '1_Pooling/config.json': { pooling_mode: 'attention' } });
  expectClose(await encoded(odd, '--pooling', 'cls'), unit(vector('[CLS]')));
});

test('ingest and search encode as told, and find what was put in', async () => {
  const store = `faiss:${join(folder, 'store')}`;
  const options = ['--model', tinyModel, '--pooling', 'mean'];
  const ingest = await nestbit('ingest', texts, '--store', store, ...options, '--prompt-name', 'document');
  expect(ingest).toMatchObject({ status: 0 });
  const search = async (...more: string[]): Promise<[string, number]> => {
    const run = await nestbit('search', '--store', store, '--text', 'red cat', '--json', ...options, ...more);
    expect(run).toMatchObject({ status: 0 });
    const [{ id, score }] = JSON.parse(run.out).hits;
    return [id, score];
  };
  const [id, same] = await search('--prompt', 'passage: ');
  const [, asQuery] = await search();
  expect(id).toBe('a');
  // The same prompt gives the same embedding; by default a query gets the query's.
  expect(same).toBeGreaterThan(0.98);
  expect(asQuery).toBeLessThan(same - 0.01);
});

test('sync puts the text of --prompt before each text', async () => {
  const place = join(folder, 'database');
  const database = new PGlite(place);
  await database.exec(`create table notes (id bigint primary key, body text)`);
  await database.exec(`insert into notes select i, 'red cat ' || i from generate_series(1, 20) i`);
  await database.close();
  const sync = (...more: string[]): Promise<Run> =>
    nestbit(
      ...['sync', `pglite:${place}`, '--table', 'notes', '--text-column', 'body', '--model', tinyModel],
      ...['--once', '--json', ...more],
    );
  const first = await sync('--prompt', 'big fish ', '--sample', '20', '--pooling', 'mean');
  expect(first).toMatchObject({ status: 0 });
  expect(JSON.parse(first.out)).toMatchObject({ written: 20, waiting: 0 });
  const best = async (...prompt: string[]): Promise<number> => {
    const search = ['search', '--store', `pglite:${place}#notes`, '--text', 'red cat 1', '--json'];
    const { status, out } = await nestbit(...search, '--model', tinyModel, '--pooling', 'mean', ...prompt);
    expect(status).toBe(0);
    return JSON.parse(out).hits[0].score;
  };
  expect(await best('--prompt', 'big fish ')).toBeGreaterThan(0.98);
  expect(await best('--prompt', '')).toBeLessThan(0.97);
});

test('options of the encoder are refused where they would do nothing, or are wrong', async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { status, err } = await nestbit(...args);
    expect(status).toBe(2);
    return err;
  };
  const out = ['--out', join(folder, 'never')];
  const store = ['--store', `faiss:${join(folder, 'never')}`];
  const model = ['--model', tinyModel];
  expect(await refused('encode', texts, ...out, ...model, '--pooling', 'median')).toMatch(
    /USAGE: --pooling must be output, or one or several of cls, .*got median/,
  );
  expect(await refused('encode', texts, ...out, ...model, '--max-length', '1')).toMatch(
    /USAGE: --max-length must be a whole number from 2/,
  );
  expect(await refused('ingest', texts, ...store, ...model, '--prompt', 'document')).toMatch(
    /USAGE: --prompt is the text .*--prompt-name document/,
  );
  expect(
    await refused('ingest', texts, ...store, ...model, '--prompt', 'a', '--prompt-name', 'query'),
  ).toMatch(/cannot be used with/);
  expect(await refused('ingest', join(folder, 'x.npy'), ...store, '--pooling', 'cls')).toMatch(
    /USAGE: --pooling belongs to --model folder/,
  );
  expect(await refused('search', ...store, '--queries', 'q.npy', '--prompt', 'query: ')).toMatch(
    /USAGE: --prompt belongs to --model folder/,
  );
  expect(await refused('encode', texts, ...out, ...model, '--prompt-name', 'other')).toMatch(
    /USAGE: .*no prompt named other; it has: query, document/,
  );
});
