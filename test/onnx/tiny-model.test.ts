import { join } from 'node:path';
import { Encoder } from '@nestbit/core/onnx';
import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import {
  changedModel,
  encode,
  expectClose,
  mean,
  tinyModel as source,
  vector,
} from '../support/tiny-model.ts';

const folder = temporaryFolder();

test('the mean leaves padding out, whatever the other texts of the batch are', async () => {
  const texts = ['red', 'small green cat', 'big'];
  const rows = await encode(texts, { pooling: 'mean' });
  expectClose(rows[0], mean('[CLS]', 'red', '[SEP]'));
  expectClose(rows[1], mean('[CLS]', 'small', 'green', 'cat', '[SEP]'));
  expectClose((await encode(['red'], { pooling: 'mean' }))[0], rows[0]);
});

test('cls, last token and the model’s own output are what they say', async () => {
  expectClose((await encode(['red', 'big cat dog'], { pooling: 'cls' }))[0], vector('[CLS]'));
  expectClose((await encode(['red', 'big cat dog'], { pooling: 'lasttoken' }))[0], vector('[SEP]'));
  const words = ['[CLS]', 'big', 'cat', '[SEP]'];
  const largest = vector('[CLS]').map((_, i) => Math.max(...words.map((word) => vector(word)[i])));
  expectClose((await encode(['big cat'], { pooling: 'output' }))[0], largest);
  expectClose((await encode(['big cat']))[0], largest);
});

test('the pooling module of the folder decides, with and without the prompt', async () => {
  const pooling = (config: object): string => changedModel(folder, { '1_Pooling/config.json': config });
  const cls = pooling({ pooling_mode_cls_token: true, pooling_mode_mean_tokens: false });
  expectClose((await encode(['big'], { folder: cls }))[0], vector('[CLS]'));
  const all = pooling({ pooling_mode_mean_tokens: true });
  expectClose(
    (await encode(['cat'], { folder: all, prompt: 'query' }))[0],
    mean('[CLS]', 'query', ':', 'cat', '[SEP]'),
  );
  const without = pooling({ pooling_mode_mean_tokens: true, include_prompt: false });
  expectClose((await encode(['cat'], { folder: without, prompt: 'query' }))[0], mean('cat', '[SEP]'));
  const other = pooling({ pooling_mode_mean_tokens: true, pooling_mode_median_tokens: true });
  expect(await refusal(() => encode(['cat'], { folder: other }))).toMatch(/^MODEL_INVALID: .*median_tokens/);
});

test('prompts come from the folder or the options; an unknown one is refused', async () => {
  const [document] = await encode(['cat'], { prompt: 'document', pooling: 'mean' });
  expectClose(document, mean('[CLS]', 'passage', ':', 'cat', '[SEP]'));
  const [own] = await encode(['cat'], { prompt: 'mine', prompts: { mine: 'big ' }, pooling: 'mean' });
  expectClose(own, mean('[CLS]', 'big', 'cat', '[SEP]'));
  expect(await refusal(() => encode(['cat'], { prompt: 'other' }))).toMatch(
    /^USAGE: .*other.*query, document/,
  );
});

test('a text beyond the maximum length is cut, and keeps its special tokens', async () => {
  const long = 'red green blue small big cat dog red green blue small big cat dog';
  const [row] = await encode([long], { pooling: 'mean', maxLength: 5 });
  expectClose(row, mean('[CLS]', 'red', 'green', 'blue', '[SEP]'));
  const [byFolder] = await encode([long], { pooling: 'mean' });
  expectClose(byFolder, mean('[CLS]', ...long.split(' ').slice(0, 10), '[SEP]'));
});

test('order and values do not depend on batch size or workers', async () => {
  const texts = Array.from(
    { length: 700 },
    (_, i) => `${'red '.repeat(i % 9)}${['cat', 'dog', 'big'][i % 3]}`,
  );
  const one = await encode(texts, { pooling: 'mean', batchTokens: 1 });
  const many = await encode(texts, { pooling: 'mean', workers: 3, threadsPerWorker: 1 });
  for (const [row, values] of one.entries()) expectClose(many[row], values);
});

test('embeddings have length 1 unless told otherwise', async () => {
  const [row] = await encode(['big cat'], { normalize: true });
  expect(Math.hypot(...row)).toBeCloseTo(1, 6);
});

test('unusable model folders are refused by what is missing', async () => {
  const open = (files: Record<string, string | undefined>): Promise<string> =>
    refusal(async () => (await Encoder.open(changedModel(folder, files), { workers: 1 })).close());
  expect(await open({ 'tokenizer.json': undefined })).toMatch(/^MODEL_INVALID: .*no tokenizer\.json/);
  expect(await open({ 'onnx/model.onnx': undefined })).toMatch(/^MODEL_INVALID: .*no onnx\/model\.onnx/);
  expect(await open({ 'tokenizer.json': '{' })).toMatch(/^MODEL_INVALID: .*tokenizer\.json/);
  expect(await open({ 'tokenizer_config.json': '{' })).toMatch(
    /^MODEL_INVALID: .*tokenizer_config\.json is not JSON/,
  );
  expect(await open({ 'onnx/model.onnx': 'garbage' })).toMatch(/^MODEL_INVALID: .*onnxruntime cannot open/);
  expect(await refusal(() => Encoder.open(join(folder, 'nowhere')))).toMatch(
    /^MODEL_INVALID: .*does not exist/,
  );
  expect(await refusal(() => Encoder.open(source, { variant: 'q4' }))).toMatch(
    /^MODEL_INVALID: .*model_q4\.onnx/,
  );
});
