import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Encoder } from '@nestbit/core/onnx';
import { expect, test } from 'vitest';
import { fromWorkerError, toWorkerError } from '../../packages/core/src/onnx/worker-messages.ts';
import { refusal, temporaryFolder } from '../support/files.ts';
import { changedModel, tinyModel } from '../support/tiny-model.ts';
import { DIMENSIONS } from '../support/tiny-onnx.ts';
import { workersOf } from '../support/watch-workers.ts';

const folder = temporaryFolder();
const many = Array.from({ length: 20_000 }, () => 'red cat');

test('texts that onnxruntime fails on refuse their own call, with its error as the cause', async () => {
  const tokenizer = JSON.parse(readFileSync(join(tinyModel, 'tokenizer.json'), 'utf8'));
  // A word beyond the end of the model's table.
  tokenizer.model.vocab.whale = 99;
  const encoder = await Encoder.open(changedModel(folder, { 'tokenizer.json': tokenizer }), { workers: 1 });
  const error = await encoder.encode(['red', 'whale']).catch((error: unknown) => error);
  expect(error).toMatchObject({
    name: 'NestbitError',
    code: 'ENCODER_FAILED',
    message: expect.stringMatching(/idx=99|99 .*out of/),
    cause: expect.any(Error),
  });
  const { message, cause } = error as Error;
  expect(message).toContain((cause as Error).message);
  expect(await encoder.encode(['red'])).toHaveLength(DIMENSIONS);
  await encoder.close();
});

test('a model that onnxruntime cannot open keeps its error as the cause', async () => {
  const garbage = changedModel(folder, { 'onnx/model.onnx': 'garbage' });
  const error = await Encoder.open(garbage, { workers: 2 }).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: 'MODEL_INVALID', cause: expect.any(Error) });
  const { message, cause } = error as Error;
  expect(message).toContain((cause as Error).message);
});

test('a worker that is ended refuses its work instead of leaving it to wait', async () => {
  const { result: encoder, workers } = await workersOf(() => Encoder.open(tinyModel, { workers: 2 }));
  const work = encoder.encode(many).catch((error: unknown) => error);
  await Promise.all(workers.map((worker) => worker.terminate()));
  const failed = {
    code: 'ENCODER_FAILED',
    message: expect.stringMatching(/status 1.*open it again/),
    cause: expect.any(Error),
  };
  expect(await work).toMatchObject(failed);
  expect(await encoder.encode(['red']).catch((error: unknown) => error)).toMatchObject(failed);
  await encoder.close();
});

test('a worker that crashes refuses its work with the crash as the cause', async () => {
  const { result: encoder, workers } = await workersOf(() => Encoder.open(tinyModel, { workers: 1 }));
  const work = encoder.encode(many).catch((error: unknown) => error);
  // No message that the worker knows: it fails outside of any job.
  workers[0].postMessage(undefined);
  const error = (await work) as Error;
  expect(error).toMatchObject({ code: 'ENCODER_FAILED', cause: expect.any(TypeError) });
  expect(error.message).toContain((error.cause as Error).message);
  await encoder.close();
});

test('an error whose cause cannot be sent between threads keeps its message', () => {
  const cause = Object.assign(new Error('why'), { cause: () => {} });
  const error = fromWorkerError(structuredClone(toWorkerError(cause)));
  expect(error).toMatchObject({ code: 'ENCODER_FAILED', message: expect.stringContaining('why') });
  expect(error.cause).toMatchObject({ message: 'why' });
});

test('closing refuses what has not ended, and later calls, and leaves no thread', async () => {
  const { result: encoder, workers } = await workersOf(() => Encoder.open(tinyModel, { workers: 2 }));
  const work = refusal(() => encoder.encode(many));
  await encoder.close();
  await encoder.close();
  expect(await work).toMatch(/^ENCODER_CLOSED/);
  expect(await refusal(() => encoder.encode(['red']))).toMatch(/^ENCODER_CLOSED: .*open it again/);
  // A thread that has ended has the id -1.
  expect(workers.map((worker) => worker.threadId)).toEqual([-1, -1]);
});
