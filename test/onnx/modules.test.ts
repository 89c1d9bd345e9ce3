import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import {
  changedModel,
  encode,
  expectClose,
  mean,
  safetensors,
  vector,
  warningsOf,
} from '../support/tiny-model.ts';
import { DIMENSIONS, tinyOnnx } from '../support/tiny-onnx.ts';

const folder = temporaryFolder();
const plain = tinyOnnx({ pooled: 'none' });

type Files = Record<string, string | Uint8Array | object | undefined>;

/** A folder whose modules.json names these modules, each in its own folder, behind a Transformer. */
function model(modules: readonly string[], files: Files = {}, onnx: Uint8Array = plain): string {
  const list = ['Transformer', ...modules].map((type, idx) => ({
    idx,
    name: String(idx),
    path: idx === 0 ? '' : `${idx}_${type.split('.').at(-1)}`,
    type: type.includes('.') ? type : `sentence_transformers.models.${type}`,
  }));
  return changedModel(folder, { 'modules.json': list, 'onnx/model.onnx': onnx, ...files });
}

const poolMean = { '1_Pooling/config.json': { pooling_mode_mean_tokens: true } };
const TANH = 'torch.nn.modules.activation.Tanh';
const IDENTITY = 'torch.nn.modules.linear.Identity';

/** A Dense module's two files, its weights, and what it makes of a vector. */
function dense(
  at: string,
  inputs: number,
  outputs: number,
  { activation = IDENTITY, bias = true, dtype = 'F32' } = {},
): { files: Files; run: (x: readonly number[]) => number[] } {
  const weight = Float32Array.from({ length: inputs * outputs }, (_, i) => Math.cos(i * i));
  const offset = Float32Array.from({ length: outputs }, (_, i) => (bias ? Math.sin(3 * i + 1) / 2 : 0));
  // The upper half of a float32 is the bfloat16.
  const stored =
    dtype === 'BF16'
      ? Uint16Array.from(new Uint32Array(weight.buffer), (bits) => bits >>> 16)
      : dtype === 'F64'
        ? Float64Array.from(weight)
        : weight;
  const kept =
    dtype === 'BF16' ? new Float32Array(Uint32Array.from(stored, (half) => half << 16).buffer) : weight;
  return {
    files: {
      [`${at}/config.json`]: {
        in_features: inputs,
        out_features: outputs,
        bias,
        activation_function: activation,
      },
      [`${at}/model.safetensors`]: safetensors({
        'linear.weight': { dtype, shape: [outputs, inputs], data: stored },
        ...(bias && { 'linear.bias': { shape: [outputs], data: offset } }),
      }),
    },
    run: (x) =>
      Array.from({ length: outputs }, (_, row) => {
        const sum = x.reduce((total, value, i) => total + value * kept[row * inputs + i], offset[row]);
        return activation === TANH ? Math.tanh(sum) : sum;
      }),
  };
}

const unit = (x: readonly number[]): number[] => x.map((value) => value / Math.hypot(...x));
const pooled = mean('[CLS]', 'big', 'cat', '[SEP]');

test('Dense runs behind the pooling with its weights, bias and activation', async () => {
  for (const options of [{}, { activation: TANH }, { bias: false }, { dtype: 'BF16' }, { dtype: 'F64' }]) {
    const { files, run } = dense('2_Dense', DIMENSIONS, 5, options);
    const made = model(['Pooling', 'Dense'], { ...poolMean, ...files });
    expectClose((await encode(['big cat'], { folder: made }))[0], run(pooled));
  }
});

test('modules run in their order: EmbeddingGemma’s two Dense, a Normalize between, one at the end', async () => {
  const first = dense('2_Dense', DIMENSIONS, 12, { bias: false });
  const second = dense('4_Dense', 12, 6, { bias: false });
  const files = { ...poolMean, ...first.files, ...second.files };
  const made = model(['Pooling', 'Dense', 'Normalize', 'Dense', 'Normalize'], files);
  const expected = second.run(unit(first.run(pooled)));
  expectClose((await encode(['big cat'], { folder: made }))[0], expected);
  expectClose((await encode(['big cat'], { folder: made, normalize: true }))[0], unit(expected));
  const swapped = model(['Pooling', 'Normalize', 'Dense', 'Dense'], {
    ...poolMean,
    ...dense('3_Dense', DIMENSIONS, 12, { bias: false }).files,
    ...second.files,
  });
  expectClose((await encode(['big cat'], { folder: swapped }))[0], second.run(first.run(unit(pooled))));
});

test('LaBSE: the first token, Dense with tanh, Normalize', async () => {
  const { files, run } = dense('2_Dense', DIMENSIONS, DIMENSIONS, { activation: TANH });
  const cls = { '1_Pooling/config.json': { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false } };
  const made = model(['Pooling', 'Dense', 'Normalize'], { ...cls, ...files });
  expectClose((await encode(['big cat'], { folder: made, normalize: true }))[0], unit(run(vector('[CLS]'))));
});

test('LayerNorm runs with its weights, and without any where the option or nomic’s truncation asks for it', async () => {
  const weight = Float32Array.from({ length: DIMENSIONS }, (_, i) => 1 + i / 4);
  const bias = Float32Array.from({ length: DIMENSIONS }, (_, i) => i / 8);
  const normed = (x: readonly number[]): number[] => {
    const middle = x.reduce((sum, value) => sum + value / x.length, 0);
    const variance = x.reduce((sum, value) => sum + (value - middle) ** 2 / x.length, 0);
    return x.map((value) => (value - middle) / Math.sqrt(variance + 1e-5));
  };
  const made = model(['Pooling', 'LayerNorm'], {
    ...poolMean,
    '2_LayerNorm/config.json': { dimension: DIMENSIONS },
    '2_LayerNorm/model.safetensors': safetensors({
      'norm.weight': { shape: [DIMENSIONS], data: weight },
      'norm.bias': { shape: [DIMENSIONS], data: bias },
    }),
  });
  const [row] = await encode(['big cat'], { folder: made });
  expectClose(
    row,
    normed(pooled).map((value, i) => value * weight[i] + bias[i]),
  );
  const option = { pooling: 'mean', layerNorm: true, truncateDimensions: 4 } as const;
  expectClose((await encode(['big cat'], option))[0], normed(pooled).slice(0, 4));
  const nomic = changedModel(folder, { 'config.json': { model_type: 'nomic_bert' } });
  const cut = { folder: nomic, pooling: 'mean', truncateDimensions: 4 } as const;
  expectClose((await encode(['big cat'], { ...cut, normalize: true }))[0], unit(normed(pooled).slice(0, 4)));
  expectClose((await encode(['big cat'], { ...cut, layerNorm: false }))[0], pooled.slice(0, 4));
  expectClose((await encode(['big cat'], { folder: nomic, pooling: 'mean' }))[0], pooled);
});

test('truncate_dim of the folder is honoured, the option wins, and more than there is is refused', async () => {
  const made = changedModel(folder, {
    'config_sentence_transformers.json': { truncate_dim: 3, prompts: {} },
    ...poolMean,
  });
  expectClose((await encode(['big cat'], { folder: made }))[0], pooled.slice(0, 3));
  expectClose((await encode(['big cat'], { folder: made, truncateDimensions: 5 }))[0], pooled.slice(0, 5));
  expect(await refusal(() => encode(['cat'], { truncateDimensions: 9 }))).toMatch(
    /^MODEL_INVALID: .*8 values, fewer than the 9/,
  );
  const wrong = changedModel(folder, { 'config_sentence_transformers.json': { truncate_dim: 'all' } });
  expect(await refusal(() => encode(['cat'], { folder: wrong }))).toMatch(/^MODEL_INVALID: .*truncate_dim/);
});

test('without the weights of a Dense, the model’s own output is used if it has been through the module', async () => {
  const { files } = dense('2_Dense', DIMENSIONS, DIMENSIONS);
  const config = { ...poolMean, '2_Dense/config.json': files['2_Dense/config.json'] };
  const own = model(['Pooling', 'Dense', 'Normalize'], config, tinyOnnx());
  const largest = vector('[CLS]').map((value, i) => Math.max(value, vector('cat')[i], vector('[SEP]')[i]));
  expectClose((await encode(['cat'], { folder: own }))[0], largest);
  const none = model(['Pooling', 'Dense'], config);
  expect(await refusal(() => encode(['cat'], { folder: none }))).toMatch(
    /^MODEL_INVALID: .*2_Dense\/model\.safetensors does not exist.*no output sentence_embedding/,
  );
  const pooler = model(['Pooling', 'Dense'], config, tinyOnnx({ pooledName: 'pooler_output' }));
  expect(await refusal(() => encode(['cat'], { folder: pooler }))).toMatch(/set pooling to output/);
  expectClose((await encode(['cat'], { folder: pooler, pooling: 'output' }))[0], largest);
  const wide = { ...config, '2_Dense/config.json': { in_features: DIMENSIONS, out_features: 5 } };
  expect(
    await refusal(() => encode(['cat'], { folder: model(['Pooling', 'Dense'], wide, tinyOnnx()) })),
  ).toMatch(/^MODEL_INVALID: .*gives 8 values in sentence_embedding, and its modules give 5/);
});

test('weights that do not fit, and activations and files that nestbit cannot run, are refused by name', async () => {
  const open = (modules: readonly string[], files: Files): Promise<string> =>
    refusal(() => encode(['cat'], { folder: model(modules, { ...poolMean, ...files }) }));
  const good = dense('2_Dense', DIMENSIONS, 5).files;
  expect(await open(['Pooling', 'Dense'], dense('2_Dense', 7, 5).files)).toMatch(/takes 7 values.*gives 8/);
  const chained = { ...good, ...dense('3_Dense', 6, 4).files };
  expect(await open(['Pooling', 'Dense', 'Dense'], chained)).toMatch(/3_Dense.*takes 6 values.*gives 5/);
  const gelu = dense('2_Dense', DIMENSIONS, 5, { activation: 'torch.nn.modules.activation.GELU' }).files;
  expect(await open(['Pooling', 'Dense'], gelu)).toMatch(/^MODEL_INVALID: .*activation\.GELU; known are/);
  const file = '2_Dense/model.safetensors';
  const bytes = good[file] as Buffer;
  for (const [broken, message] of [
    [bytes.subarray(0, 5), /has 5 bytes/],
    [bytes.subarray(0, -1), /tensor linear.bias .*bytes .* of/],
    [Buffer.concat([Buffer.alloc(8, 255), bytes]), /header has/],
    [Buffer.concat([bytes.subarray(0, 8), Buffer.alloc(400, '[')]), /not JSON/],
    [safetensors({ 'linear.weight': { shape: [5, 8], data: new Float32Array(40) } }), /no linear\.bias/],
    [safetensors({ other: { shape: [1], data: new Float32Array(1) } }), /no tensor linear\.weight.*other/],
    [safetensors({ 'linear.weight': { dtype: 'I8', shape: [4], data: new Int8Array(4) } }), /as I8/],
  ] as const)
    expect(await open(['Pooling', 'Dense'], { ...good, [file]: broken })).toMatch(message);
});

test('module classes are known by their whole names, those of all versions', async () => {
  for (const names of [
    ['sentence_transformers.models.Pooling', 'sentence_transformers.models.Dense.Dense'],
    [
      'sentence_transformers.sentence_transformer.modules.pooling.Pooling',
      'sentence_transformers.base.modules.dense.Dense',
    ],
  ]) {
    const { files, run } = dense('2_Dense', DIMENSIONS, 5);
    const made = model(names, { ...poolMean, ...files });
    expectClose((await encode(['big cat'], { folder: made }))[0], run(pooled));
  }
  for (const type of [
    'my_models.Dense',
    'custom_st.Pooling',
    'sentence_transformers.models.CNN',
    'pylate.models.Dense',
  ])
    expect(await refusal(() => encode(['cat'], { folder: model([type]) }))).toMatch(
      new RegExp(
        `^MODEL_INVALID: .*module 1 of .*class ${type.replaceAll('.', '\\.')}, which nestbit does not run`,
      ),
    );
  // What the message advises works: an export with its own pooled output.
  const whole = model(['sentence_transformers.models.CNN'], {}, tinyOnnx());
  const largest = vector('[CLS]').map((value, i) => Math.max(value, vector('cat')[i], vector('[SEP]')[i]));
  expectClose((await encode(['cat'], { folder: whole, pooling: 'output' }))[0], largest);
  const twice = model(['Pooling', 'Pooling']);
  expect(await refusal(() => encode(['cat'], { folder: twice }))).toMatch(/2 Pooling modules/);
  const early = model(['Dense', 'Pooling'], dense('1_Dense', 8, 8).files);
  expect(await refusal(() => encode(['cat'], { folder: early }))).toMatch(/Dense on the token vectors/);
  expect(await refusal(() => encode(['cat'], { folder: model(['Transformer']) }))).toMatch(/only the first/);
});

test('a transformer class of the model’s own is said', async () => {
  const list = [{ idx: 0, path: '', type: 'jinaai/model--custom_st.Transformer' }];
  const made = changedModel(folder, { 'modules.json': list });
  const warnings = await warningsOf(() => encode(['cat'], { folder: made }));
  expect(warnings).toEqual([expect.stringMatching(/custom_st\.Transformer, which nestbit does not run/)]);
});

test('a modules.json that points outside its folder, or is no list of modules, is refused', async () => {
  const open = (modules: unknown): Promise<string> =>
    refusal(() => encode(['cat'], { folder: changedModel(folder, { 'modules.json': modules as object }) }));
  const pooling = (path: unknown): object[] => [
    { idx: 0, path: '', type: 'sentence_transformers.models.Transformer' },
    { idx: 1, path, type: 'sentence_transformers.models.Pooling' },
  ];
  for (const path of ['../1_Pooling', '/etc', 'a/../../b', '..', '1_Pooling\0'])
    expect(await open(pooling(path))).toMatch(/^MODEL_INVALID: .*modules\.json names .*, which lies outside/);
  expect(await open(pooling(5))).toMatch(/^MODEL_INVALID: .*module 1 of .*path/);
  expect(await open([null])).toMatch(/^MODEL_INVALID: .*module 0 of .*no type/);
  expect(await open({ modules: [] })).toMatch(/^MODEL_INVALID: .*modules\.json holds no list/);
  expect(await open([...pooling('..pooling')])).toBe('accepted');
});
