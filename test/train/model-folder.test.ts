import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { env, pipeline } from '@huggingface/transformers';
import { Encoder } from '@nestbit/core/onnx';
import { train } from '@nestbit/core/train';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, expect, test } from 'vitest';
import { onnxFile } from '../../packages/core/src/train/model/onnx-file.ts';
import { float16Table, int8Table } from '../../packages/core/src/train/model/table.ts';
import { temporaryFolder } from '../support/files.ts';
import { topicPairs } from '../support/train-corpus.ts';
import { randomVectors } from '../support/vectors.ts';

const out = join(temporaryFolder(), 'model');
const texts = topicPairs(20, 9).map(({ anchor }) => anchor);
beforeAll(async () => {
  await train(topicPairs(300), { out, dimensions: [32, 8], vocabulary: 300, batch: 32, epochs: 2 });
});

type Outputs = Record<'last_hidden_state' | 'sentence_embedding', Tensor>;

async function run(session: InferenceSession, rows: readonly (readonly number[])[]): Promise<Outputs> {
  const length = Math.max(...rows.map((ids) => ids.length));
  const padded = (value: (ids: readonly number[], i: number) => number): Tensor =>
    new Tensor(
      'int64',
      BigInt64Array.from(
        rows.flatMap((ids) => Array.from({ length }, (_, i) => value(ids, i))),
        BigInt,
      ),
      [rows.length, length],
    );
  return (await session.run({
    input_ids: padded((ids, i) => ids[i] ?? 0),
    attention_mask: padded((ids, i) => (i < ids.length ? 1 : 0)),
  })) as unknown as Outputs;
}

/** Mean of the rows of a table, of length 1. */
function meanOf(table: Float32Array, width: number, ids: readonly number[]): number[] {
  const sum = Array.from({ length: width }, (_, i) => ids.reduce((s, id) => s + table[id * width + i], 0));
  const norm = Math.hypot(...sum);
  return sum.map((value) => value / norm);
}

test.each([
  ['float16', 1e-3],
  ['int8', 1e-2],
] as const)('a %s file gives the vectors of its table in onnxruntime', async (kind, tolerance) => {
  const [vocabulary, width] = [50, 16];
  const table = randomVectors(vocabulary, width);
  const stored = kind === 'float16' ? float16Table(table) : int8Table(table, width);
  const session = await InferenceSession.create(onnxFile(stored, vocabulary, width));
  expect(session.inputNames).toEqual(['input_ids', 'attention_mask']);
  const rows = [[3, 7, 7, 49], [0], [12, 1]];
  const { last_hidden_state: tokens, sentence_embedding: sentences } = await run(session, rows);
  expect(tokens.dims).toEqual([3, 4, width]);
  expect(sentences.dims).toEqual([3, width]);
  rows.forEach((ids, row) => {
    const expected = meanOf(table, width, ids);
    for (let i = 0; i < width; i++) {
      expect(Math.abs((sentences.data as Float32Array)[row * width + i] - expected[i])).toBeLessThan(
        tolerance,
      );
    }
  });
  await session.release();
});

test.each(['model.onnx', 'model_quantized.onnx'])(
  'the encoder and onnxruntime give the same vectors of %s',
  async (file) => {
    const encoder = await Encoder.open(out, {
      workers: 1,
      ...(file === 'model.onnx' ? {} : { variant: 'quantized' }),
    });
    const embeddings = await encoder.encode(texts);
    expect(encoder.dimensions).toBe(32);
    await encoder.close();
    const json = (name: string): object => JSON.parse(readFileSync(join(out, name), 'utf8'));
    const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
    const session = await InferenceSession.create(join(out, 'onnx', file));
    const { sentence_embedding: sentences } = await run(
      session,
      texts.map((text) => tokenizer.encode(text).ids),
    );
    const values = sentences.data as Float32Array;
    expect(Math.max(...embeddings.map((value, i) => Math.abs(value - values[i])))).toBeLessThan(1e-6);
    await session.release();
  },
);

test.each([
  ['fp32', undefined],
  ['q8', 'quantized'],
] as const)(
  'transformers.js opens the folder (%s) and gives the vectors of the encoder',
  async (dtype, variant) => {
    env.allowRemoteModels = false;
    env.localModelPath = dirname(out);
    const extract = await pipeline('feature-extraction', 'model', { dtype });
    const found = await extract(texts, { pooling: 'mean', normalize: true });
    await extract.dispose();
    const encoder = await Encoder.open(out, { workers: 1, ...(variant && { variant }) });
    const expected = await encoder.encode(texts);
    await encoder.close();
    expect(found.dims).toEqual([texts.length, 32]);
    expect(Math.max(...expected.map((value, i) => Math.abs(value - Number(found.data[i]))))).toBeLessThan(
      1e-5,
    );
  },
);
