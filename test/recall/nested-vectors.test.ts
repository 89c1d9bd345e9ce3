import { ExactSearch } from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';
import { NestedVectors } from '@nestbit/core/testing';
import { readTrainRecords } from '@nestbit/core/train';
import { expect, test } from 'vitest';
import { needsSharedData } from '../support/shared-data.ts';

const RANKS = [1, 10, 100, 1000];
const QUERIES = 200;

/** Mean cosine of the first rows with their neighbours of some ranks. */
function profile(x: Float32Array, dimensions: number): number[] {
  const search = new ExactSearch(x.subarray(0, QUERIES * dimensions), dimensions, Math.max(...RANKS) + 1);
  search.add(0, x);
  const lists = search.hits();
  // Rank 0 is the row itself.
  return RANKS.map((rank) => lists.reduce((sum, { scores }) => sum + scores[rank] / lists.length, 0));
}

test('neighbours of generated vectors are as far as those of real texts', async (context) => {
  const model = needsSharedData(context, 'models/static-mrl-en-384-b');
  const path = needsSharedData(context, 'texts/medquad_passages.jsonl.gz');
  const texts: string[] = [];
  let number = 0;
  for await (const record of readTrainRecords(path))
    if ('text' in record && number++ % 16 === 0) texts.push(record.text);
  const encoder = await Encoder.open(model);
  const real = await encoder.encode(texts);
  const dimensions = encoder.dimensions;
  await encoder.close();
  const expected = profile(real, dimensions);
  const found = profile(new NestedVectors(1024).take(texts.length), 1024);
  for (const [i, rank] of RANKS.entries())
    expect(Math.abs(found[i] - expected[i]), `rank ${rank}: ${found[i]} beside ${expected[i]}`).toBeLessThan(
      0.08,
    );
});

test('pieces of generated vectors are those of one call', () => {
  const whole = new NestedVectors(64).take(1000);
  const stream = new NestedVectors(64);
  const pieces = [stream.take(1), stream.take(400), stream.take(599)];
  expect(Float32Array.from(pieces.flatMap((piece) => Array.from(piece)))).toEqual(whole);
  expect(new NestedVectors(64, { seed: 2 }).take(1)).not.toEqual(whole.subarray(0, 64));
});
