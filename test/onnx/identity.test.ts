import { Encoder, type EncoderOptions } from '@nestbit/core/onnx';
import { expect, test } from 'vitest';
import { ExternalData } from '../../packages/core/src/onnx/external-data.ts';
import { temporaryFolder } from '../support/files.ts';
import { changedModel, encode, expectClose, mean, tinyModel } from '../support/tiny-model.ts';
import { tinyOnnx, tinyTable } from '../support/tiny-onnx.ts';

const folder = temporaryFolder();

/** The identity without the folder's name. */
async function identity(path: string, options: EncoderOptions = {}): Promise<string> {
  const encoder = await Encoder.open(path, { workers: 1, ...options });
  await encoder.close();
  expect(encoder.identity).toMatch(/^(tiny-model|model-\w+)@[0-9a-f]{16}$/);
  return encoder.identity.replace(/^.*@/, '');
}

test('the identity follows the model, tokenizer, pooling, length and sides, not where the folder lies', async () => {
  const plain = await identity(tinyModel);
  const changed = (files: Record<string, string | Uint8Array | object>): string =>
    changedModel(folder, files);
  expect(await identity(changed({}), { batchTokens: 9 })).toBe(plain);
  const others = [
    await identity(tinyModel, { pooling: 'cls' }),
    await identity(tinyModel, { maxLength: 5 }),
    await identity(tinyModel, { prompts: { query: 'red ' } }),
    await identity(changed({ 'onnx/model.onnx': tinyOnnx({ pooled: 'last' }) })),
    await identity(
      changed({
        'tokenizer_config.json': { pad_token: '[PAD]', model_max_length: 12, truncation_side: 'left' },
      }),
    ),
  ];
  expect(new Set([plain, ...others]).size).toBe(6);
});

for (const data of ['model.onnx_data', 'model.onnx.data', 'table']) {
  test(`weights in ${data} beside the model are part of its identity`, async () => {
    const outside = (table: Float32Array<ArrayBuffer>, files = {}): string =>
      changedModel(folder, {
        'onnx/model.onnx': tinyOnnx({ data }),
        [`onnx/${data}`]: new Uint8Array(table.buffer),
        ...files,
      });
    const model = outside(tinyTable());
    expectClose(
      (await encode(['red'], { folder: model, pooling: 'mean' }))[0],
      mean('[CLS]', 'red', '[SEP]'),
    );
    const plain = await identity(model);
    expect(await identity(outside(tinyTable(), { 'onnx/other.onnx_data': 'of another model' }))).toBe(plain);
    expect(await identity(outside(tinyTable().reverse()))).not.toBe(plain);
  });
}

test('names of data files are found wherever the chunks of an ONNX file end', () => {
  const names = ['model.onnx_data', 'onnx__MatMul_12', `long-${'x'.repeat(300)}`];
  const models = Buffer.concat(names.map((data) => tinyOnnx({ data })));
  for (const size of [1, 7, 100, 4096]) {
    const data = new ExternalData();
    for (let at = 0; at < models.length; at += size) data.add(models.subarray(at, at + size));
    expect(data.locations).toEqual([...names].sort());
  }
});
