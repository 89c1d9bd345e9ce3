import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { changedModel, encode, expectClose, mean, tinyModel, vector } from '../support/tiny-model.ts';
import { tinyOnnx } from '../support/tiny-onnx.ts';

const folder = temporaryFolder();
const json = (file: string): object => JSON.parse(readFileSync(join(tinyModel, file), 'utf8'));
/** A model folder whose two tokenizer files say a little more. */
const model = (config: object, tokenizer: object = {}, onnx = tinyOnnx()): string =>
  changedModel(folder, {
    'tokenizer_config.json': { ...json('tokenizer_config.json'), ...config },
    'tokenizer.json': { ...json('tokenizer.json'), ...tokenizer },
    'onnx/model.onnx': onnx,
  });
const long = 'red green blue small big cat dog';

test('truncation on the left keeps the end of a text, between its special tokens', async () => {
  const end = mean('[CLS]', 'big', 'cat', 'dog', '[SEP]');
  const start = mean('[CLS]', 'red', 'green', 'blue', '[SEP]');
  const cut = async (config: object, direction?: string): Promise<number[]> => {
    const tokenizer = direction === undefined ? {} : { truncation: { direction } };
    const options = { folder: model(config, tokenizer), maxLength: 5, pooling: 'mean' } as const;
    return (await encode([long, 'cat'], options))[0];
  };
  expectClose(await cut({ truncation_side: 'left' }), end);
  expectClose(await cut({}, 'Left'), end);
  expectClose(await cut({ truncation_side: 'right' }, 'Left'), start);
  expectClose(await cut({}), start);
});

test('padding on the left reaches the model: the last position of every row is its last token', async () => {
  const texts = ['cat', 'small red dog', long];
  const onnx = tinyOnnx({ pooled: 'last' });
  const last = async (config: object, tokenizer: object): Promise<number[][]> =>
    encode(texts, { folder: model(config, tokenizer, onnx), pooling: 'output' });
  for (const row of await last({ padding_side: 'left' }, {})) expectClose(row, vector('[SEP]'));
  for (const row of await last({}, { padding: { direction: 'Left' } })) expectClose(row, vector('[SEP]'));
  expectClose((await last({}, {}))[0], vector('[PAD]'));
});

test('last token, cls and mean take the same tokens whichever side is padded', async () => {
  // Without the closing special token, so that every text has a last token of its own.
  const single = [{ SpecialToken: { id: '[CLS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }];
  const special_tokens = { '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] } };
  const post_processor = { type: 'TemplateProcessing', single, pair: [], special_tokens };
  for (const padding_side of ['left', 'right']) {
    const left = model({ padding_side }, { post_processor });
    const texts = ['cat', 'small red dog', 'big blue'];
    const pooled = (pooling: 'lasttoken' | 'cls' | 'mean'): Promise<number[][]> =>
      encode(texts, { folder: left, pooling });
    const words = texts.map((text) => text.split(' '));
    for (const [row, values] of (await pooled('lasttoken')).entries()) {
      expectClose(values, vector(words[row].at(-1) as string));
    }
    for (const values of await pooled('cls')) expectClose(values, vector('[CLS]'));
    for (const [row, values] of (await pooled('mean')).entries()) {
      expectClose(values, mean('[CLS]', ...words[row]));
    }
  }
});

test('a mean that leaves the prompt out does so behind padding on the left', async () => {
  const padded = changedModel(folder, {
    'tokenizer_config.json': { ...json('tokenizer_config.json'), padding_side: 'left' },
    '1_Pooling/config.json': { pooling_mode_mean_tokens: true, include_prompt: false },
  });
  const [short] = await encode(['cat', 'red green blue'], { folder: padded, prompt: 'query' });
  expectClose(short, mean('cat', '[SEP]'));
});

test('an unknown side and a length without room for the special tokens are refused', async () => {
  const middle = model({ truncation_side: 'middle' });
  expect(await refusal(() => encode(['cat'], { folder: middle }))).toMatch(
    /^MODEL_INVALID: .*truncation_side "middle"/,
  );
  const cls = { SpecialToken: { id: '[CLS]', type_id: 0 } };
  const single = [cls, cls, { Sequence: { id: 'A', type_id: 0 } }, cls];
  const special_tokens = { '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] } };
  const post_processor = { type: 'TemplateProcessing', single, pair: [], special_tokens };
  expect(
    await refusal(() => encode(['cat'], { folder: model({}, { post_processor }), maxLength: 2 })),
  ).toMatch(/^MODEL_INVALID: .*3 special tokens.*2/);
});
