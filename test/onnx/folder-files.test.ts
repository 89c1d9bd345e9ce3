import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { Encoder } from '@nestbit/core/onnx';
import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { changedModel, encode, expectClose, mean, tinyModel, vector } from '../support/tiny-model.ts';
import { tinyOnnx } from '../support/tiny-onnx.ts';

const folder = temporaryFolder();
const json = (file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(tinyModel, file), 'utf8'));
const tokenizer = json('tokenizer.json');
const config = json('tokenizer_config.json');
const { model_max_length: _, ...unlimited } = config;

async function lengthOf(files: Record<string, object | string>, options = {}): Promise<number> {
  const encoder = await Encoder.open(changedModel(folder, files), { workers: 1, ...options });
  await encoder.close();
  return encoder.maxLength;
}

test('the longest input is max_seq_length, else the smaller of tokenizer and positions, else 512', async () => {
  const positions = { 'config.json': { max_position_embeddings: 8 } };
  const limitless = { 'tokenizer_config.json': unlimited };
  expect(await lengthOf({ ...positions, 'sentence_bert_config.json': { max_seq_length: 9 } })).toBe(9);
  expect(await lengthOf({ ...positions, 'sentence_xlm-roberta_config.json': { max_seq_length: 7 } })).toBe(7);
  expect(await lengthOf(positions)).toBe(8);
  expect(await lengthOf({ 'config.json': { max_position_embeddings: 100 } })).toBe(12);
  expect(await lengthOf({ ...limitless, ...positions })).toBe(8);
  const roberta = { model_type: 'xlm-roberta', max_position_embeddings: 514, pad_token_id: 1 };
  expect(await lengthOf({ ...limitless, 'config.json': roberta })).toBe(512);
  expect(await lengthOf(limitless)).toBe(512);
  expect(await lengthOf({ 'tokenizer_config.json': { ...config, model_max_length: 1e30 } })).toBe(512);
  expect(await lengthOf(positions, { maxLength: 11 })).toBe(11);
});

test('a folder with its transformer in 0_Transformer is read there', async () => {
  const list = ['Transformer', 'Pooling'].map((type, idx) => ({
    idx,
    path: `${idx}_${type}`,
    type: `sentence_transformers.models.${type}`,
  }));
  const made = changedModel(folder, {
    'modules.json': list,
    '0_Transformer/sentence_bert_config.json': { max_seq_length: 5, do_lower_case: true },
    '1_Pooling/config.json': { pooling_mode_cls_token: false, pooling_mode_mean_tokens: true },
  });
  for (const file of ['tokenizer.json', 'tokenizer_config.json'])
    renameSync(join(made, file), join(made, '0_Transformer', file));
  const row = mean('[CLS]', 'red', 'green', 'blue', '[SEP]');
  expectClose((await encode(['red green blue small'], { folder: made }))[0], row);
  renameSync(join(made, 'onnx'), join(made, '0_Transformer', 'onnx'));
  expectClose((await encode(['red green blue small'], { folder: made }))[0], row);
});

test('do_lower_case lowers the text, by sentence_bert_config.json and by tokenizer_config.json', async () => {
  const cased = { ...tokenizer, normalizer: { type: 'BertNormalizer', lowercase: false } };
  const files = {
    'tokenizer.json': {
      ...tokenizer,
      normalizer: { ...(tokenizer['normalizer'] as object), ...cased.normalizer },
    },
  };
  const run = async (more: object): Promise<number[]> =>
    (await encode(['RED'], { folder: changedModel(folder, { ...files, ...more }), pooling: 'mean' }))[0];
  const known = mean('[CLS]', 'red', '[SEP]');
  const unknown = mean('[CLS]', '[UNK]', '[SEP]');
  expectClose(await run({}), unknown);
  expectClose(await run({ 'sentence_bert_config.json': { do_lower_case: true } }), known);
  expectClose(await run({ 'tokenizer_config.json': { ...config, do_lower_case: true } }), known);
  const upper = { 'tokenizer.json': tokenizer, 'tokenizer_config.json': { ...config, do_lower_case: false } };
  expectClose(await run(upper), unknown);
});

test('rows are filled up with the padding token that any of the files names', async () => {
  const { pad_token: _pad, ...none } = config;
  // The last position of the short row is a padding token.
  const padOf = async (files: Record<string, object>): Promise<number[]> => {
    const onnx = { 'onnx/model.onnx': tinyOnnx({ pooled: 'last' }) };
    const made = changedModel(folder, { 'tokenizer_config.json': none, ...onnx, ...files });
    return (await encode(['cat', 'small red dog'], { folder: made, pooling: 'output' }))[0];
  };
  expectClose(await padOf({ 'tokenizer_config.json': { ...none, pad_token: 'fish' } }), vector('fish'));
  expectClose(
    await padOf({ 'tokenizer_config.json': { ...none, pad_token: { content: 'dog' } } }),
    vector('dog'),
  );
  expectClose(await padOf({ 'tokenizer.json': { ...tokenizer, padding: { pad_id: 4 } } }), vector('red'));
  expectClose(await padOf({ 'special_tokens_map.json': { pad_token: 'big' } }), vector('big'));
  expectClose(await padOf({ 'config.json': { pad_token_id: 9 } }), vector('cat'));
  expectClose(await padOf({}), vector('[PAD]'));
});

test('a byte order mark before any of the JSON files is read over', async () => {
  const mark = (value: object): string => `\ufeff${JSON.stringify(value)}`;
  const made = changedModel(folder, {
    'tokenizer.json': mark(tokenizer),
    'tokenizer_config.json': mark(config),
    'config.json': mark({}),
    'modules.json': mark([{ type: 'sentence_transformers.models.Transformer', path: '' }]),
    '1_Pooling/config.json': mark({ pooling_mode: 'cls' }),
    'config_sentence_transformers.json': mark({ prompts: { query: 'big ' } }),
  });
  expectClose((await encode(['cat'], { folder: made, prompt: 'query' }))[0], vector('[CLS]'));
});

test('files that are no JSON objects, and paths that are no folders, are refused by name', async () => {
  const open = (file: string, content: string): Promise<string> =>
    refusal(() => encode(['cat'], { folder: changedModel(folder, { [file]: content }) }));
  for (const file of ['config.json', 'tokenizer_config.json', 'config_sentence_transformers.json']) {
    expect(await open(file, '[1]')).toMatch(new RegExp(`^MODEL_INVALID: .*${file} holds a list`));
    expect(await open(file, '5')).toMatch(new RegExp(`^MODEL_INVALID: .*${file} holds number`));
  }
  expect(await open('tokenizer.json', '[]')).toMatch(/^MODEL_INVALID: .*tokenizer\.json/);
  expect(await open('tokenizer.json', '{}')).toMatch(/^MODEL_INVALID: .*tokenizer\.json/);
  expect(await open('config_sentence_transformers.json', '{"prompts":[]}')).toMatch(
    /^MODEL_INVALID: .*prompts/,
  );
  const file = join(tinyModel, 'tokenizer.json');
  expect(await refusal(() => encode(['cat'], { folder: file }))).toMatch(/^MODEL_INVALID: .*is not a folder/);
  expect(await refusal(() => encode(['cat'], { folder: 'no\0where' }))).toMatch(/^MODEL_INVALID/);
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  expect(await refusal(() => encode(['cat'], { folder: empty }))).toMatch(
    /^MODEL_INVALID: .*no tokenizer\.json/,
  );
});
