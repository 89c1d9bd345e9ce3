import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Encoder } from '@nestbit/core/onnx';
import { type TrainOptions, type TrainRecord, type TrainReport, train } from '@nestbit/core/train';
import { beforeAll, describe, expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { fileHashes, scoredPairs, topicPairs } from '../support/train-corpus.ts';

const folder = temporaryFolder();
const small = { dimensions: [32, 16, 8], vocabulary: 400, batch: 64, epochs: 6, seed: 5, threads: 2 };
/** Enough steps to be stopped among them. */
const long = { ...small, epochs: 150 };
const pairs = topicPairs(800);
let number = 0;

function run(records: Iterable<TrainRecord>, options: Partial<TrainOptions> = {}): Promise<TrainReport> {
  return train(records, { out: join(folder, `model-${number++}`), ...small, ...options });
}

/** Trains until a step, stops there, and says what it was refused with. */
async function stopAt(step: number, options: Partial<TrainOptions>): Promise<string> {
  const controller = new AbortController();
  const onProgress: TrainOptions['onProgress'] = ({ phase, done }) => {
    if (phase === 'training' && done >= step) controller.abort();
  };
  return await refusal(() => run(pairs, { ...options, signal: controller.signal, onProgress }));
}

let report: TrainReport;
let hashes: Record<string, string>;
beforeAll(async () => {
  report = await run(pairs);
  hashes = fileHashes(report.out);
});

test('a training learns what no shared word tells, at every width', () => {
  expect(report).toMatchObject({ pairs: 760, dimensions: [32, 16, 8], steps: 66 });
  expect(report.retention).toMatchObject({ metric: 'MRR@10', pairs: 40 });
  // By chance it would be about 0.07 (10 of 40 places, mean reciprocal rank).
  expect(report.retention.byDimensions[0].value).toBeGreaterThan(0.5);
  expect(report.retention.byDimensions[2].value).toBeGreaterThan(0.3);
});

test('the folder has everything that a model needs, and a card with data, losses and figures', async () => {
  expect(Object.keys(hashes)).toEqual([
    '/README.md',
    '/config.json',
    '/onnx/model.onnx',
    '/onnx/model_quantized.onnx',
    '/tokenizer.json',
    '/tokenizer_config.json',
  ]);
  const { out } = await run(pairs, { card: { name: 'Toys', data: 'made words', licence: 'mit' } });
  const card = readFileSync(join(out, 'README.md'), 'utf8');
  expect(card).toMatch(/license: mit[\s\S]*# Toys[\s\S]*Data: made words/);
  expect(card).toContain('multiple negatives ranking');
  for (const { dimensions, value } of report.retention.byDimensions)
    expect(card).toContain(`| ${dimensions} | ${value.toFixed(3)} |`);
});

test('the same seed gives the same bytes, with one thread, two and three', async () => {
  for (const threads of [1, 2, 3]) {
    expect(fileHashes((await run(pairs, { threads })).out)).toEqual(hashes);
  }
  const other = fileHashes((await run(pairs, { seed: 6 })).out);
  expect(other['/onnx/model.onnx']).not.toBe(hashes['/onnx/model.onnx']);
});

test('a run that is stopped twice resumes to the same bytes', async () => {
  const whole = fileHashes((await run(pairs, long)).out);
  const out = join(folder, 'stopped');
  for (const [step, resume] of [
    [1, false],
    [300, true],
  ] as const) {
    const refused = await stopAt(step, { ...long, out, resume, threads: resume ? 2 : 1 });
    expect(refused).toMatch(/^ABORTED: .*stopped after step \d+ of 1650; .*\.checkpoint keeps it/);
    expect(existsSync(out)).toBe(false);
  }
  expect(fileHashes((await run(pairs, { ...long, out, resume: true })).out)).toEqual(whole);
  expect(existsSync(`${out}.checkpoint`)).toBe(false);
});

test('a checkpoint of other data or options, a damaged one and none are refused', async () => {
  const out = join(folder, 'mismatch');
  await stopAt(5, { ...long, out });
  const resume = (options: Partial<TrainOptions>, records = pairs): Promise<string> =>
    refusal(() => run(records, { ...long, out, resume: true, ...options }));
  for (const options of [{ seed: 6 }, { dimensions: [32, 8] }]) {
    expect(await resume(options)).toMatch(/^CHECKPOINT_MISMATCH: .*other data or options/);
  }
  expect(await resume({}, topicPairs(800, 2))).toMatch(/^CHECKPOINT_MISMATCH/);
  expect(await resume({ out: join(folder, 'none') })).toMatch(/^FILE_NOT_FOUND: .*no run to resume/);
  const checkpoint = readFileSync(`${out}.checkpoint`);
  writeFileSync(`${out}.checkpoint`, checkpoint.subarray(0, checkpoint.length - 1));
  expect(await resume({})).toMatch(/^CHECKPOINT_MISMATCH: .*no whole checkpoint/);
});

test('scored pairs: cosines come to order as the scores do, at every width', async () => {
  const scored = scoredPairs(1200);
  const before = await run(scored, { epochs: 1, rate: 1e-9 });
  const after = await run(scored, { epochs: 10 });
  expect(after.retention.metric).toBe('Spearman');
  after.retention.byDimensions.forEach(({ value }, i) => {
    expect(value).toBeGreaterThan(before.retention.byDimensions[i].value + 0.3);
  });
  expect(readFileSync(join(after.out, 'README.md'), 'utf8')).toContain('CoSENT');
});

test('without a batch, small data is cut into batches of 64', async () => {
  const { batch: _, ...rest } = small;
  const out = join(folder, 'default-batch');
  await train(pairs, { ...rest, out });
  expect(fileHashes(out)).toEqual(hashes);
});

test('a given tokenizer is used as it is', async () => {
  const again = await run(pairs, { tokenizer: report.out });
  expect(fileHashes(again.out)['/onnx/model.onnx']).toBe(hashes['/onnx/model.onnx']);
  expect(await refusal(() => run(pairs, { tokenizer: join(folder, 'nowhere.json') }))).toMatch(
    /^MODEL_INVALID: .*does not exist/,
  );
});

test('files: the quantized file alone is a model that the encoder opens', async () => {
  const { out } = await run(pairs, { files: ['int8'] });
  expect(existsSync(join(out, 'onnx/model.onnx'))).toBe(false);
  const encoder = await Encoder.open(out, { workers: 1 });
  const named = await Encoder.open(report.out, { workers: 1, variant: 'quantized' });
  expect(await encoder.encode(['what is bako?'])).toEqual(await named.encode(['what is bako?']));
  await Promise.all([encoder.close(), named.close()]);
});

describe('bad input', () => {
  const refused = (records: readonly unknown[], options: Partial<TrainOptions> = {}): Promise<string> =>
    refusal(() => run(records as TrainRecord[], options));

  test('too few pairs', async () => {
    expect(await refused([])).toMatch(/^DATASET_INVALID: There are 0 pairs .*Give more texts/);
    expect(await refused(pairs.slice(0, 1))).toMatch(/^DATASET_INVALID: There are 1 pairs/);
    expect(await refused([{ anchor: 'same', positive: 'same' }])).toMatch(/^DATASET_INVALID/);
    expect(await refused([{ text: '' }, { text: ' ' }])).toMatch(/^DATASET_INVALID/);
  });

  test('mixed kinds and records that are none', async () => {
    expect(await refused([...pairs, { text: 'a passage' }])).toMatch(
      /^DATASET_INVALID: These records are pairs, then passages come/,
    );
    expect(await refused([...pairs, { anchor: 1, positive: 'b' }])).toMatch(
      /^DATASET_INVALID: Training record 801: its "anchor" and "positive" are not both strings/,
    );
    expect(await refused([null])).toMatch(/^DATASET_INVALID: Training record 1: it is no object/);
    expect(await refused([{ anchor: 'a', positive: 'b', score: Number.NaN }])).toMatch(/no finite number/);
  });

  test('a loss that is no number ends the training by name', async () => {
    expect(await refused(pairs, { rate: 1e38 })).toMatch(
      /^TRAINING_DIVERGED: The loss is \S+ at step \d+: .*learning rate 1e\+38; try 1e\+37/,
    );
  });

  test('a tokenizer whose ids its own vocabulary does not hold', async () => {
    const copy = join(folder, 'mixed-up');
    mkdirSync(copy);
    for (const name of ['tokenizer.json', 'tokenizer_config.json'])
      cpSync(join(report.out, name), join(copy, name));
    writeFileSync(join(copy, 'tokenizer.json'), '{"model":{}}');
    expect(await refused(pairs, { tokenizer: copy })).toMatch(/^MODEL_INVALID: .*no model\.vocab/);
    writeFileSync(join(copy, 'tokenizer.json'), '{');
    expect(await refused(pairs, { tokenizer: copy })).toMatch(/^MODEL_INVALID: .*not JSON/);
  });

  test('a folder with something in it, and one that cannot be made', async () => {
    const full = join(folder, 'full');
    mkdirSync(full);
    writeFileSync(join(full, 'mine.txt'), 'mine');
    expect(await refused(pairs, { out: full })).toMatch(/^FILE_WRITE: .*has 1 files already/);
    expect(readFileSync(join(full, 'mine.txt'), 'utf8')).toBe('mine');
    expect(await refused(pairs, { out: join(full, 'mine.txt/model') })).toMatch(/^FILE_WRITE/);
  });

  test.each([
    [{ dimensions: [16, 32] }, /dimensions must descend, but 32 comes after 16/],
    [{ dimensions: [32, 32] }, /dimensions must descend/],
    [{ dimensions: [30] }, /dimensions\[0\] must be a multiple of 8, got 30/],
    [{ dimensions: [8192] }, /dimensions\[0\] must be a whole number from 8 to 4096/],
    [{ dimensions: [] }, /dimensions must be a list/],
    [{ weights: [1] }, /weights must have one number for each of 3 dimensions/],
    [{ weights: [1, 0, 1] }, /weights\[1\] must be above 0/],
    [{ batch: 12 }, /batch must be a multiple of 8/],
    [{ epochs: 0.5 }, /epochs must be a whole number/],
    [{ rate: -1 }, /rate must be above 0/],
    [{ files: ['int4'] }, /files must be float16, int8 or safetensors, got int4/],
    [{ out: '' }, /out must be a folder/],
  ] as [Partial<TrainOptions>, RegExp][])('options %j', async (options, message) => {
    await expect(run(pairs, options)).rejects.toThrow(message);
  });

  test('an iterator that fails, and a signal that has fired', async () => {
    function* broken(): Generator<TrainRecord> {
      yield* pairs;
      throw new Error('the disk is gone');
    }
    await expect(run(broken())).rejects.toThrow('the disk is gone');
    expect(await refusal(() => run(pairs, { signal: AbortSignal.abort() }))).toMatch(/^ABORTED/);
  });
});
