import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Encoder } from '@nestbit/core/onnx';
import {
  readTrainRecords,
  type TrainOptions,
  type TrainRecord,
  type TrainReport,
  train,
} from '@nestbit/core/train';
import { expect, test } from 'vitest';
import { batchesOf } from '../../packages/core/src/train/data/batches.ts';
import { PairBuilder } from '../../packages/core/src/train/data/pair-builder.ts';
import { pairSetOf } from '../../packages/core/src/train/data/pair-set.ts';
import { collect, refusal, temporaryFolder } from '../support/files.ts';
import { nestbit } from '../support/nestbit.ts';
import { fileHashes, topicPairs } from '../support/train-corpus.ts';

const folder = temporaryFolder();
const small = { dimensions: [32, 16, 8], vocabulary: 400, batch: 64, epochs: 6, seed: 5, threads: 2 };
const pairs = topicPairs(400) as { anchor: string; positive: string }[];
let number = 0;

function run(records: Iterable<TrainRecord>, options: Partial<TrainOptions> = {}): Promise<TrainReport> {
  return train(records, { out: join(folder, `model-${number++}`), ...small, ...options });
}
const card = ({ out }: TrainReport): string => readFileSync(join(out, 'README.md'), 'utf8');
const triplets = pairs.map(({ anchor, positive }, i) => ({
  anchor,
  positive,
  negatives: [pairs[(i + 7) % pairs.length].positive],
}));

test('hard negatives are trained on, one way, by any number of threads alike', async () => {
  const report = await run(triplets);
  expect(report).toMatchObject({ pairs: 380 });
  expect(card(report)).toContain('multiple negatives ranking, in-batch and hard negatives');
  expect(card(report)).not.toContain('symmetric');
  expect(report.retention.byDimensions[0].value).toBeGreaterThan(0.3);
  const plain = await run(pairs, { oneWay: true });
  expect(fileHashes(report.out)).not.toEqual(fileHashes(plain.out));
  const alone = await run(triplets, { threads: 1 });
  expect(fileHashes(alone.out)['/onnx/model.onnx']).toBe(fileHashes(report.out)['/onnx/model.onnx']);
  expect(await refusal(() => run(triplets, { oneWay: false }))).toMatch(
    /^DATASET_INVALID: .*one way; leave oneWay out/,
  );
  const uneven = [...triplets.slice(1), { ...triplets[0], negatives: ['a', 'b'] }];
  expect(await refusal(() => run(uneven))).toMatch(/^DATASET_INVALID: .*2 negatives.* 1; give all as many/);
});

test('negatives are read under the names that data sets give them', async () => {
  const path = join(folder, 'triplets.jsonl');
  const read = async (record: object): Promise<TrainRecord[]> => {
    writeFileSync(path, JSON.stringify({ anchor: 'a', positive: 'b', ...record }));
    return await collect(readTrainRecords(path));
  };
  expect(await read({ negative: 'c' })).toEqual([{ anchor: 'a', positive: 'b', negatives: ['c'] }]);
  const many = { negative_10: 'e', negative_2: 'd', negative_1: 'c' };
  expect(await read(many)).toEqual([{ anchor: 'a', positive: 'b', negatives: ['c', 'd', 'e'] }]);
  expect(await read({ negatives: ['c', 'd'] })).toEqual([
    { anchor: 'a', positive: 'b', negatives: ['c', 'd'] },
  ]);
  for (const [record, message] of [
    [{ negative: 5 }, /a negative of it is not a text/],
    [{ negative: ' ' }, /a negative of it is not a text/],
    [{ negatives: 'c' }, /no list of strings/],
    [{ negative: 'c', score: 1 }, /a "score" and negatives/],
  ] as const)
    expect(await refusal(() => read(record))).toMatch(message);
});

test('no text is right for one anchor of a batch and a negative of another', () => {
  const builder = new PairBuilder();
  for (const record of triplets) builder.add(record);
  const set = pairSetOf(builder.build(), () => [0], 1, 8);
  let count = 0;
  for (const batch of batchesOf(set, 32, 1, 0)) {
    count++;
    const right = new Set([...batch].flatMap((pair) => [set.anchors[pair], set.positives[pair]]));
    for (const pair of batch) expect(right.has(set.negatives[pair])).toBe(false);
  }
  expect(count).toBeGreaterThan(6);
});

test('one way and some widths a step are options; each is reproducible, and both change the model', async () => {
  const model = async (options: Partial<TrainOptions>): Promise<string> =>
    fileHashes((await run(pairs, options)).out)['/onnx/model.onnx'];
  const both = await model({});
  const oneWay = await model({ oneWay: true });
  const some = await model({ dimensionsPerStep: 1 });
  expect(new Set([both, oneWay, some]).size).toBe(3);
  expect(await model({ dimensionsPerStep: 1, threads: 1 })).toBe(some);
  expect(await model({ dimensionsPerStep: 3, oneWay: false })).toBe(both);
  await expect(run(pairs, { dimensionsPerStep: 4 })).rejects.toMatchObject({
    name: 'RangeError',
    code: 'USAGE',
    message: 'dimensionsPerStep must be a whole number from 1 to 3, got 4',
  });
  const scored = pairs.map((pair, i) => ({ ...pair, score: i }));
  expect(await refusal(() => run(scored, { oneWay: true }))).toMatch(/^DATASET_INVALID: .*CoSENT/);
});

test('scores that are all the same, and pairs of a text with itself, are refused by name', async () => {
  const scored = pairs.map((pair) => ({ ...pair, score: 0.5 }));
  expect(await refusal(() => run(scored))).toMatch(
    /^DATASET_INVALID: All 400 scores are 0\.5.*leave "score" out/,
  );
  const same = pairs.map(({ anchor }) => ({ anchor, positive: anchor }));
  expect(await refusal(() => run(same))).toMatch(/^DATASET_INVALID: All 400 pairs are of a text with itself/);
  const some = await run([...pairs, ...same.slice(0, 9)]);
  expect(some).toMatchObject({ identical: 9 });
});

test('a correlation below 0 is said, without shares of it', async () => {
  const path = join(folder, 'distances.jsonl');
  // No cosine can be learnt from one epoch at next to no rate: pairs with more words in common have the lower scores.
  const records = Array.from({ length: 200 }, (_, i) => {
    const words = Array.from({ length: 10 }, (_, w) => `w${(i * 31 + w * 7) % 97}`);
    const other = words.map((word, w) => (w < i % 10 ? `v${(i * 13 + w) % 89}` : word));
    return { sentence1: words.join(' '), sentence2: other.join(' '), score: i % 10 };
  });
  writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const options = ['--dimensions', '32,16', '--vocabulary', '300', '--epochs', '1', '--rate', '0.000001'];
  const { status, out } = await nestbit('train', path, '--out', join(folder, 'distances'), ...options);
  expect(status).toBe(0);
  expect(out).toMatch(/run against each other \(-0\.\d+\).*if yours are distances, change their sign/);
  expect(out).not.toContain('%');
});

test('a model is written as a static model that opens without its ONNX file and gives the same embeddings', async () => {
  const both = await run(pairs, { files: ['float16', 'safetensors'] });
  const only = await run(pairs, { files: ['safetensors'] });
  expect(existsSync(join(only.out, 'onnx/model.onnx'))).toBe(false);
  const modules = JSON.parse(readFileSync(join(only.out, 'modules.json'), 'utf8'));
  expect(modules.map(({ type }: { type: string }) => type)).toEqual([
    'sentence_transformers.models.StaticEmbedding',
    'sentence_transformers.models.Normalize',
  ]);
  const texts = [pairs[0].anchor, pairs[1].positive];
  const encode = async (out: string, options: object): Promise<Float32Array> => {
    const encoder = await Encoder.open(out, { workers: 1, ...options });
    return await encoder.encode(texts).finally(() => encoder.close());
  };
  const fromTable = await encode(only.out, {});
  const fromGraph = await encode(both.out, { pooling: 'mean' });
  expect(fromTable).toEqual(await encode(both.out, {}));
  for (const [i, value] of fromTable.entries()) expect(value).toBeCloseTo(fromGraph[i], 2);
  // The file begins as the format wants it: the header's length, JSON, values aligned to 8 bytes.
  const bytes = readFileSync(join(only.out, 'model.safetensors'));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  expect(length % 8).toBe(0);
  expect(header.embeddings).toMatchObject({ dtype: 'F32', shape: [only.vocabulary, 32] });
  expect(bytes.length).toBe(8 + length + only.vocabulary * 32 * 4);
});
