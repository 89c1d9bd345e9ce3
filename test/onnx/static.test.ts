import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { changedModel, encode, expectClose, mean, safetensors, vector } from '../support/tiny-model.ts';
import { DIMENSIONS, tinyTable, WORDS } from '../support/tiny-onnx.ts';

const folder = temporaryFolder();
const rows = WORDS.length;
const table = { shape: [rows, DIMENSIONS], data: tinyTable() };
const words = (type: string): object[] => [
  { idx: 0, name: '0', path: '.', type: 'sentence_transformers.models.StaticEmbedding' },
  ...(type === ''
    ? []
    : [{ idx: 1, name: '1', path: '1_Normalize', type: `sentence_transformers.models.${type}` }]),
];

/** A folder of model2vec, without an ONNX file. */
function model2vec(tensors: Parameters<typeof safetensors>[0], more: Record<string, object> = {}): string {
  const made = changedModel(folder, {
    'model.safetensors': safetensors(tensors),
    'config.json': { model_type: 'model2vec', normalize: true },
    'modules.json': words('Normalize'),
    ...more,
  });
  rmSync(join(made, 'onnx'), { recursive: true });
  return made;
}

async function run(made: string, text: string, options: object = {}): Promise<number[]> {
  return (await encode([text], { folder: made, ...options }))[0];
}

test('a model2vec folder is the mean of its rows, without special tokens and unknown words', async () => {
  const made = model2vec({ embeddings: table });
  expectClose(await run(made, 'red cat'), mean('red', 'cat'));
  expectClose(await run(made, 'red whale cat'), mean('red', 'cat'));
  expectClose(await run(made, 'whale'), new Array(DIMENSIONS).fill(0));
  const cut = { normalize: true, truncateDimensions: 3 };
  const unit = mean('red', 'cat').slice(0, 3);
  expectClose(
    await run(made, 'red cat', cut),
    unit.map((value) => value / Math.hypot(...unit)),
  );
  expectClose(await run(made, 'red cat dog', { maxLength: 2 }), mean('red', 'cat'));
  expectClose(await run(made, 'cat', { prompt: 'query' }), mean('query', ':', 'cat'));
});

test('weights and a mapping of model2vec’s newer models count, in float16 and without modules.json', async () => {
  const weights = { shape: [rows], data: Float32Array.from({ length: rows }, (_, id) => id / 4) };
  const made = model2vec({ embeddings: table, weights });
  const expected = vector('red').map((value, i) => (value * 4 + vector('cat')[i] * 9) / 8);
  expectClose(await run(made, 'red cat'), expected);
  // Tokens share rows: red has that of blue.
  const mapping = BigInt64Array.from(WORDS, (word, id) =>
    BigInt(word === 'red' ? WORDS.indexOf('blue') : id),
  );
  const shared = model2vec({ embeddings: table, mapping: { dtype: 'I64', shape: [rows], data: mapping } });
  expectClose(await run(shared, 'red cat'), mean('blue', 'cat'));
  const halves = Uint16Array.from({ length: rows * DIMENSIONS }, (_, at) =>
    at % DIMENSIONS === 0 ? 0x3c00 : 0xb800,
  );
  const half = model2vec({ embeddings: { dtype: 'F16', shape: [rows, DIMENSIONS], data: halves } });
  rmSync(join(half, 'modules.json'));
  expectClose(await run(half, 'red cat'), [1, -0.5, -0.5, -0.5, -0.5, -0.5, -0.5, -0.5]);
});

test('a StaticEmbedding of sentence-transformers keeps unknown words, and runs the modules behind it', async () => {
  const list = [
    { idx: 0, name: '0', path: '0_StaticEmbedding', type: 'sentence_transformers.models.StaticEmbedding' },
    { idx: 1, name: '1', path: '1_Dense', type: 'sentence_transformers.models.Dense' },
  ];
  const weight = Float32Array.from({ length: 2 * DIMENSIONS }, (_, i) => i % 3);
  const made = changedModel(folder, {
    'modules.json': list,
    '0_StaticEmbedding/model.safetensors': safetensors({ 'embedding.weight': table }),
    '1_Dense/config.json': { bias: false, activation_function: 'torch.nn.modules.linear.Identity' },
    '1_Dense/model.safetensors': safetensors({ 'linear.weight': { shape: [2, DIMENSIONS], data: weight } }),
  });
  const x = mean('red', '[UNK]');
  const expected = [0, 1].map((row) =>
    x.reduce((sum, value, i) => sum + value * weight[row * DIMENSIONS + i], 0),
  );
  expectClose(await run(made, 'red whale'), expected);
});

test('static models that cannot be used are refused by what is wrong', async () => {
  const open = (made: string, options: object = {}): Promise<string> =>
    refusal(() => run(made, 'red', options));
  expect(await open(model2vec({ other: table }))).toMatch(
    /^MODEL_INVALID: .*other, none of which is embedding\.weight/,
  );
  const flat = { shape: [rows * DIMENSIONS], data: tinyTable() };
  expect(await open(model2vec({ embeddings: flat }))).toMatch(
    /^MODEL_INVALID: .*shape \(128\), not tokens × dimensions/,
  );
  const few = { shape: [4, DIMENSIONS], data: tinyTable().slice(0, 4 * DIMENSIONS) };
  expect(await open(model2vec({ embeddings: few }))).toMatch(
    /^MODEL_INVALID: .*token 4, and its table has no row/,
  );
  expect(await open(model2vec({ embeddings: table }), { pooling: 'cls' })).toMatch(
    /^MODEL_INVALID: .*mean, not by cls/,
  );
  const gone = model2vec({ embeddings: table });
  rmSync(join(gone, 'model.safetensors'));
  expect(await open(gone)).toMatch(/^MODEL_INVALID: .*model\.safetensors does not exist/);
});
