import { Encoder, type EncoderOptions } from '@nestbit/core/onnx';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { changedModel, tinyModel } from '../support/tiny-model.ts';

const folder = temporaryFolder();
let encoder: Encoder;
beforeAll(async () => {
  encoder = await Encoder.open(tinyModel, { workers: 1 });
});
afterAll(() => encoder.close());

const opening: [string, unknown, new (message: string) => Error, string][] = [
  ['maxLength', 1, RangeError, 'maxLength must be a whole number from 2 to 1000000, got 1'],
  ['maxLength', 2.5, RangeError, 'maxLength must be a whole number from 2 to 1000000, got 2.5'],
  ['maxLength', -3, RangeError, 'maxLength must be a whole number from 2 to 1000000, got -3'],
  ['maxLength', '5', TypeError, 'maxLength must be a number, got string'],
  ['workers', 0, RangeError, 'workers must be a whole number from 1 to 256, got 0'],
  ['threadsPerWorker', 0.5, RangeError, 'threadsPerWorker must be a whole number from 1 to 1024, got 0.5'],
  ['batchTokens', Number.NaN, RangeError, 'batchTokens must be a whole number from 1 to 16777216, got NaN'],
  [
    'pooling',
    'median',
    TypeError,
    'pooling must be output, or one or several of cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken, got median',
  ],
  [
    'pooling',
    [],
    TypeError,
    'pooling must be output, or one or several of cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken, got an empty list',
  ],
  [
    'pooling',
    ['mean', 'output'],
    TypeError,
    'pooling must be output, or one or several of cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken, got output',
  ],
  ['layerNorm', 1, TypeError, 'layerNorm must be true or false, got number'],
  ['truncateDimensions', 0, RangeError, 'truncateDimensions must be a whole number from 1 to 1000000, got 0'],
  ['normalize', 'no', TypeError, 'normalize must be true or false, got string'],
  ['variant', 4, TypeError, 'variant must be a string, got number'],
  ['prompts', { query: 5 }, TypeError, 'prompts.query must be a string, got number'],
  ['prompts', 'query: ', TypeError, 'prompts must be an object of strings by name'],
];
for (const [name, value, kind, message] of opening) {
  test(`open refuses ${name} ${JSON.stringify(value)} by its name`, async () => {
    const options = { [name]: value } as EncoderOptions;
    await expect(Encoder.open(tinyModel, options)).rejects.toThrow(misuse(kind, message));
  });
}

test('open refuses a path that is no string, and options that are no object', async () => {
  await expect(Encoder.open(5 as never)).rejects.toThrow(
    misuse(TypeError, 'path must be a string, got number'),
  );
  await expect(Encoder.open(tinyModel, null as never)).rejects.toThrow(
    misuse(TypeError, 'options must be an object'),
  );
});

test('encode refuses a plain string and other things that are no list of texts', async () => {
  const texts = (value: unknown): Promise<Float32Array> => encoder.encode(value as string[]);
  await expect(texts('red cat')).rejects.toThrow(
    misuse(TypeError, 'texts must be an array of strings, got string'),
  );
  await expect(texts(undefined)).rejects.toThrow(
    misuse(TypeError, 'texts must be an array of strings, got undefined'),
  );
  await expect(texts(['red', 5])).rejects.toThrow(misuse(TypeError, 'text 1 is of type number, not string'));
  expect(await refusal(() => texts([]))).toMatch(/^BATCH_EMPTY/);
});

test('encodeStream refuses a plain string as its source, and a textOf that is no function', async () => {
  const read = (source: unknown, textOf: unknown): Promise<unknown> =>
    encoder.encodeStream(source as string[], textOf as (text: string) => string).next();
  await expect(read('red cat', String)).rejects.toThrow(
    misuse(TypeError, 'source must be an iterable or async iterable of records, got string'),
  );
  await expect(read(['red'], 'text')).rejects.toThrow(
    misuse(TypeError, 'textOf must be a function, got string'),
  );
});

test('encode refuses a prompt that is no string, a signal that is none, and no object as options', async () => {
  const withOptions = (options: unknown): Promise<Float32Array> => encoder.encode(['red'], options as object);
  await expect(withOptions({ prompt: 5 })).rejects.toThrow(
    misuse(TypeError, 'prompt must be the name of a prompt, a string, got number'),
  );
  await expect(withOptions({ signal: {} })).rejects.toThrow(
    misuse(TypeError, 'signal must be an AbortSignal'),
  );
  await expect(withOptions(null)).rejects.toThrow(misuse(TypeError, 'options must be an object'));
  // A name that every object has is no prompt of the model.
  expect(await refusal(() => withOptions({ prompt: 'constructor' }))).toMatch(/^USAGE: .*constructor/);
});

test('a folder whose prompts are no texts is refused', async () => {
  const open = (sentence: object): Promise<string> => {
    const model = changedModel(folder, { 'config_sentence_transformers.json': sentence });
    return refusal(() => Encoder.open(model));
  };
  expect(await open({ prompts: { query: 5 } })).toMatch(/^MODEL_INVALID: .*query/);
  expect(await open({ default_prompt_name: 5 })).toMatch(/^MODEL_INVALID: .*default_prompt_name/);
});

/** An error of an option: its class, its code and its words. */
function misuse(type: new (message: string) => Error, message: string): unknown {
  return expect.objectContaining({ name: type.name, code: 'USAGE', message });
}
