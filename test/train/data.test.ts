import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readTrainRecords } from '@nestbit/core/train';
import { expect, test } from 'vitest';
import { batchesOf } from '../../packages/core/src/train/data/batches.ts';
import { holdOut } from '../../packages/core/src/train/data/hold-out.ts';
import { PairBuilder, type TextPairs } from '../../packages/core/src/train/data/pair-builder.ts';
import { type PairSet, pairSetOf } from '../../packages/core/src/train/data/pair-set.ts';
import type { TrainRecord } from '../../packages/core/src/train/data/records.ts';
import { collect, refusal, temporaryFolder } from '../support/files.ts';

const folder = temporaryFolder();

function build(records: readonly TrainRecord[]): TextPairs {
  const builder = new PairBuilder();
  for (const record of records) builder.add(record);
  return builder.build();
}

/** Words are tokens; their numbers are handed out as they come. */
function setOf(pairs: TextPairs, maxLength = 256): PairSet {
  const words = new Map<string, number>();
  const tokenize = (text: string): number[] =>
    (text.toLowerCase().match(/\w+/g) ?? []).map((word) => {
      if (!words.has(word)) words.set(word, words.size);
      return words.get(word) ?? 0;
    });
  return pairSetOf(pairs, tokenize, 1000, maxLength);
}

const read = (content: string | Buffer): Promise<TrainRecord[]> => {
  const path = join(folder, 'records');
  writeFileSync(path, content);
  return collect(readTrainRecords(path));
};

test('records: pairs under every usual name, scored pairs, passages; other fields are passed over', async () => {
  const lines = [
    { anchor: 'a', positive: 'b', id: 7 },
    { query: 'a', positive: 'b' },
    { question: 'a', answer: 'b' },
    { query: 'a', answer: 'b' },
    { sentence1: 'a', sentence2: 'b', score: 0.5 },
    { text: 'c', title: 'd', source: 'e' },
    { text: 'c', title: null },
  ];
  const jsonl = lines.map((line) => JSON.stringify(line)).join('\n');
  const pair = { anchor: 'a', positive: 'b' };
  const expected = [
    pair,
    pair,
    pair,
    pair,
    { ...pair, score: 0.5 },
    { text: 'c', title: 'd' },
    { text: 'c' },
  ];
  expect(await read(jsonl)).toEqual(expected);
  expect(await read(gzipSync(jsonl))).toEqual(expected);
});

test('records: what is wrong is named with its line', async () => {
  expect(await refusal(() => read('{"text":"a"}\n{"anchor":"a"}'))).toMatch(
    /^JSONL_INVALID: .*line 2: it has neither "anchor" and "positive" nor "text"/,
  );
  expect(await refusal(() => read('{"anchor":"a","positive":2}'))).toMatch(
    /line 1: its "anchor" and "positive"/,
  );
  expect(await refusal(() => read('{"anchor":"a","positive":"b","score":"1"}'))).toMatch(
    /"score" is no finite/,
  );
  expect(await refusal(() => read('{"text":"a","title":3}'))).toMatch(/"title" is no string/);
  const torn = gzipSync('{"text":"a"}\n'.repeat(1000));
  expect(await refusal(() => read(torn.subarray(0, torn.length - 9)))).toMatch(
    /^JSONL_INVALID: .*breaks off/,
  );
});

test('passages become pairs: title and text, sentence and the rest, neighbours that share telling words', () => {
  const pairs = build([
    { title: 'Burns', text: 'Cool a burn with running water. Cover it with a clean dry cloth.' },
    { text: 'A burn that was cooled with water heals sooner.' },
    { text: 'Trains leave from platform nine.' },
  ]);
  const text = (i: number): string => pairs.texts[i];
  const made = pairs.anchors.map((anchor, i) => [text(anchor), text(pairs.positives[i])]);
  expect(made.slice(0, 3)).toEqual([
    ['Burns', 'Cool a burn with running water. Cover it with a clean dry cloth.'],
    ['Cool a burn with running water.', 'Cover it with a clean dry cloth.'],
    ['Cover it with a clean dry cloth.', 'Cool a burn with running water.'],
  ]);
  expect(pairs.neighboursFrom).toBe(3);
  expect(made).toHaveLength(5);
  // The third passage has nothing to do with the second.
  expect(setOf(pairs).anchors).toHaveLength(4);
});

test('a text paired with itself or with none is left out, and equal texts are one', () => {
  const pairs = build([
    { anchor: 'a', positive: 'a' },
    { anchor: 'a', positive: ' ' },
    { anchor: 'a', positive: 'b' },
    { anchor: 'a', positive: 'c' },
  ]);
  expect(pairs).toMatchObject({ texts: ['a', 'b', 'c'], anchors: [0, 0], positives: [1, 2] });
});

test('scores stay with their pairs', () => {
  const { scores } = setOf(
    build([
      { anchor: 'a', positive: 'a', score: 9 },
      { anchor: 'a', positive: 'b', score: 1 },
      { anchor: 'c', positive: 'd', score: 2 },
    ]),
  );
  expect([...(scores ?? [])]).toEqual([1, 2]);
});

test('texts are cut at maxLength tokens, and a token beyond the vocabulary is refused', async () => {
  const pairs = build([{ anchor: 'one two three four', positive: 'five' }]);
  expect([...setOf(pairs, 2).ids]).toEqual([0, 1, 4]);
  expect(await refusal(() => pairSetOf(pairs, () => [3], 3, 256))).toMatch(
    /^MODEL_INVALID: The tokenizer gives token 3, but its vocabulary has 3 tokens/,
  );
});

const many = setOf(
  build(Array.from({ length: 400 }, (_, i) => ({ anchor: `q${i % 90}`, positive: `a${i}` }))),
);

test('batches: no text twice in one, every pair at most once an epoch, another order each epoch', () => {
  const epochs = [0, 1, 0].map((epoch) => [...batchesOf(many, 32, 7, epoch)]);
  for (const batches of epochs) {
    for (const batch of batches) {
      const texts = [...batch].flatMap((pair) => [many.anchors[pair], many.positives[pair]]);
      expect(new Set(texts).size).toBe(64);
    }
    const all = batches.flatMap((batch) => [...batch]);
    expect(new Set(all).size).toBe(all.length);
    expect(all.length).toBeGreaterThan(300);
  }
  expect(epochs[2]).toEqual(epochs[0]);
  expect(epochs[1]).not.toEqual(epochs[0]);
});

test('held-out pairs are a twentieth, and training does not see them', () => {
  const { training, held } = holdOut(many);
  expect([held.anchors.length, training.anchors.length]).toEqual([20, 380]);
  const trained = new Set(training.positives);
  expect([...held.positives].some((text) => trained.has(text))).toBe(false);
});
