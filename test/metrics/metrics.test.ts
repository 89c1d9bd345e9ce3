import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ndcgAtK, readBeir, recallAtK } from '@nestbit/core';
import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';

test('recall counts each place once, and a tie with the last place as right', () => {
  expect(recallAtK(['a', 'b', 'x'], ['a', 'b', 'c'], 3)).toBeCloseTo(2 / 3);
  // c, d and e tie for the third place.
  expect(recallAtK(['a', 'd', 'e'], ['a', 'b', 'c', 'd', 'e'], 3)).toBe(1);
  expect(recallAtK(['a', 'a', 'a'], ['a', 'b'], 2)).toBe(0.5);
  expect(recallAtK(['a'], ['a'], 10)).toBe(1);
  expect(recallAtK([], [], 10)).toBe(1);
});

test('nDCG is that of trec_eval', () => {
  const judged = new Map([
    ['a', 2],
    ['b', 1],
    ['c', 0],
  ]);
  expect(ndcgAtK(['a', 'b'], judged, 10)).toBe(1);
  // (1 / log2(2) + 2 / log2(4)) / (2 / log2(2) + 1 / log2(3))
  expect(ndcgAtK(['b', 'x', 'a'], judged, 10)).toBeCloseTo(2 / (2 + 1 / Math.log2(3)), 12);
  expect(ndcgAtK(['x', 'a'], judged, 1)).toBe(0);
  expect(ndcgAtK(['a'], new Map(), 10)).toBe(0);
});

test('a BEIR folder gives its judged queries; bad judgements are refused by line', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'qrels'));
  writeFileSync(join(folder, 'corpus.jsonl'), '{"_id":"d","title":"T","text":"x"}\n');
  writeFileSync(join(folder, 'queries.jsonl'), '{"_id":"q","text":"?"}\n{"_id":"unjudged","text":"?"}\n');
  const qrels = (text: string): void => writeFileSync(join(folder, 'qrels/test.tsv'), text);
  qrels('query-id\tcorpus-id\tscore\nq\td\t1\n');
  const set = await readBeir(folder);
  expect(set.queries.map((query) => query.id)).toEqual(['q']);
  expect(set.qrels.get('q')?.get('d')).toBe(1);
  for await (const doc of set.corpus()) expect(doc.text).toBe('T x');
  qrels('q\td\t1\nq\td\n');
  expect(await refusal(() => readBeir(folder))).toMatch(/^DATASET_INVALID: .*line 2/);
  qrels('q\td\t1\nother\td\t1\n');
  expect(await refusal(() => readBeir(folder))).toMatch(/^DATASET_INVALID: .*2 queries.*has 1/);
  expect(await refusal(() => readBeir(folder, 'dev'))).toMatch(/^FILE_NOT_FOUND/);
});
