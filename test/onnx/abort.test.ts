import { Encoder } from '@nestbit/core/onnx';
import { expect, test } from 'vitest';
import { readModelFolder } from '../../packages/core/src/onnx/model/model-folder.ts';
import { OnnxSession } from '../../packages/core/src/onnx/onnx-session.ts';
import { encoderSettings } from '../../packages/core/src/onnx/settings.ts';
import { refusal } from '../support/files.ts';
import { tinyModel } from '../support/tiny-model.ts';
import { DIMENSIONS } from '../support/tiny-onnx.ts';

/** One text, so one window and one batch, that takes a worker some tenths of a second to tokenize. */
const slow = 'red cat '.repeat(100_000);

test('an abort ends work of many windows', async () => {
  const encoder = await Encoder.open(tinyModel, { workers: 1 });
  const controller = new AbortController();
  const texts = Array.from({ length: 50_000 }, () => 'red cat');
  const work = refusal(() => encoder.encode(texts, { signal: controller.signal }));
  controller.abort();
  expect(await work).toMatch(/^ABORTED/);
  await encoder.close();
});

test('an abort within one batch refuses the call at once, and the worker does other work after it', async () => {
  const encoder = await Encoder.open(tinyModel, { workers: 1 });
  const expected = await encoder.encode(['red']);
  const controller = new AbortController();
  const ended: string[] = [];
  const work = encoder
    .encode([slow], { signal: controller.signal })
    .catch((error: unknown) => error)
    .finally(() => ended.push('aborted'));
  // The one worker gets to it only when the slow text is tokenized.
  const later = encoder.encode(['red']).finally(() => ended.push('later'));
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 10);
  expect(await work).toMatchObject({ name: 'NestbitError', code: 'ABORTED', cause: reason });
  expect(await later).toEqual(expected);
  expect(ended).toEqual(['aborted', 'later']);
  await encoder.close();
});

test('an abort reaches a call that waits for its source, and only that call', async () => {
  const encoder = await Encoder.open(tinyModel, { workers: 1 });
  async function* silent(): AsyncGenerator<string> {
    yield 'red';
    await new Promise(() => {});
  }
  const controller = new AbortController();
  const { signal } = controller;
  const read = async (): Promise<void> => {
    for await (const _ of encoder.encodeStream(silent(), (text) => text, { signal }));
  };
  const work = refusal(read);
  setTimeout(() => controller.abort(), 10);
  expect(await work).toMatch(/^ABORTED/);
  expect(await refusal(() => encoder.encode(['red'], { signal }))).toMatch(/^ABORTED/);
  expect(await encoder.encode(['red'])).toHaveLength(DIMENSIONS);
  await encoder.close();
});

test('leaving a stream early lets its source clean up', async () => {
  const encoder = await Encoder.open(tinyModel, { workers: 1 });
  let cleaned = false;
  async function* source(): AsyncGenerator<string> {
    try {
      while (true) yield 'red cat';
    } finally {
      cleaned = true;
    }
  }
  for await (const { records } of encoder.encodeStream(source(), (text) => text)) {
    expect(records.length).toBeGreaterThan(0);
    break;
  }
  expect(cleaned).toBe(true);
  await encoder.close();
});

test('a worker drops a cancelled job before the next batch', async () => {
  const folder = await readModelFolder(tinyModel, encoderSettings({}));
  const session = await OnnxSession.open({
    folder,
    table: undefined,
    threads: 1,
    batchTokens: 1,
    normalize: false,
  });
  const prompt = { text: '', task: undefined };
  let asked = 0;
  expect(await session.encode(Array(10).fill('red'), prompt, () => ++asked === 3)).toBeUndefined();
  expect(asked).toBe(3);
  expect(await session.encode(['red'], prompt)).toHaveLength(DIMENSIONS);
  await session.close();
});
