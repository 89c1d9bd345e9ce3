import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NpyWriter, parseCodec } from '@nestbit/core';
import { beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { nestbit } from '../support/nestbit.ts';
import { randomVectors } from '../support/vectors.ts';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const WIDTH = 64;
const ROWS = 2000;

async function write(name: string, values: Float32Array, dimensions = WIDTH): Promise<void> {
  const writer = await NpyWriter.create(path(name), 'float32', dimensions);
  await writer.append(values);
  await writer.commit();
}

/** 16 hidden values a row, spread over all dimensions, so that plain truncation loses what a map keeps. */
const hidden = randomVectors(ROWS, 16, 1);
const spread = randomVectors(16, WIDTH, 2);
function embedded(noise: number, seed: number): Float32Array {
  const out = randomVectors(ROWS, WIDTH, seed).map((value) => value * noise);
  for (let row = 0; row < ROWS; row++) {
    for (let j = 0; j < 16; j++) {
      for (let i = 0; i < WIDTH; i++) out[row * WIDTH + i] += hidden[row * 16 + j] * spread[j * WIDTH + i];
    }
  }
  return out;
}

beforeAll(async () => {
  const docs = embedded(0.2, 3);
  await write('docs.npy', docs);
  await write('pairs.npy', embedded(3, 4));
  await write('queries.npy', docs.slice(0, 50 * WIDTH));
  await write('short.npy', docs.slice(0, 20 * WIDTH));
});

interface Kept {
  readonly dimensions: number;
  readonly plain: number;
  readonly mapped: number;
}

test('train --embeddings writes a codec that ingest, search and evaluate take', async () => {
  const args = [
    'train',
    '--embeddings',
    path('docs.npy'),
    '--out',
    path('codec.json'),
    '--dimensions',
    '16,8',
  ];
  const made = await nestbit(...args, '--json');
  expect(made).toMatchObject({ status: 0, err: '' });
  const result = JSON.parse(made.out);
  const codec = parseCodec(readFileSync(path('codec.json'), 'utf8'));
  expect(codec.settings).toMatchObject({ inputDimensions: WIDTH, dimensions: 16, calibrationRows: ROWS });
  expect(codec.settings.map?.length).toBe(WIDTH * 16);
  expect(result).toMatchObject({ map: 'pca', rows: ROWS - 100, fingerprint: codec.fingerprint });
  const [wide, narrow] = result.neighbours as Kept[];
  expect([wide.dimensions, narrow.dimensions]).toEqual([16, 8]);
  expect(wide.mapped).toBeGreaterThan(wide.plain + 0.2);
  expect(narrow.mapped).toBeGreaterThan(narrow.plain);
  const again = await nestbit(...args);
  expect(again.out).toContain(`fingerprint ${codec.fingerprint}`);
  expect(again.out).toContain(`16  ${wide.plain.toFixed(4)}  ${wide.mapped.toFixed(4)}`);

  const docs = path('docs.npy');
  const measured = await nestbit(
    'evaluate',
    docs,
    '--queries',
    path('queries.npy'),
    '--codec',
    path('codec.json'),
    '--json',
  );
  const plain = await nestbit(
    'evaluate',
    docs,
    '--queries',
    path('queries.npy'),
    '--dimensions',
    '16',
    '--json',
  );
  const recall = ({ out }: { out: string }): number => JSON.parse(out).results.at(-1).recall;
  expect(recall(measured)).toBeGreaterThan(recall(plain) + 0.2);

  const store = `faiss:${path('store')}`;
  const filled = await nestbit('ingest', docs, '--store', store, '--codec', path('codec.json'), '--json');
  expect(filled).toMatchObject({ status: 0 });
  const stored = await nestbit(
    'evaluate',
    '--store',
    store,
    '--exact',
    docs,
    '--queries',
    path('queries.npy'),
    '--json',
  );
  expect(recall(stored)).toBeCloseTo(recall(measured), 10);
});

test('with --pairs the map is trained, and the pairs found are shown', async () => {
  const made = await nestbit(
    'train',
    ...['--embeddings', path('docs.npy'), '--pairs', path('pairs.npy'), '--out', path('linear.json')],
    ...['--dimensions', '32,16,8', '--epochs', '4', '--batch', '256', '--model-name', 'some/model', '--json'],
  );
  expect(made).toMatchObject({ status: 0, err: '' });
  const result = JSON.parse(made.out);
  expect(result).toMatchObject({ map: 'linear', rows: ROWS - 100, dimensions: 32 });
  expect(result.losses[1]).toBeLessThan(result.losses[0]);
  const pairs = result.pairs as Kept[];
  expect(pairs.map(({ dimensions }) => dimensions)).toEqual([WIDTH, 32, 16, 8]);
  expect(pairs[3].mapped).toBeGreaterThan(pairs[3].plain);
  expect(parseCodec(readFileSync(path('linear.json'), 'utf8')).settings.model).toBe('some/model');
});

test.each([
  [['--embeddings', 'short.npy', '--dimensions', '32'], 1, /DATASET_INVALID: .*19 embeddings.*32 dimensions/],
  [['--embeddings', 'docs.npy', '--dimensions', '72'], 2, /USAGE: dimensions .*64.*72/],
  [['--embeddings', 'docs.npy', '--dimensions', '16,24'], 2, /USAGE: --dimensions must descend/],
  [['--embeddings', 'docs.npy', '--pairs', 'short.npy'], 1, /BATCH_SHAPE: .*2000 rows.*20/],
  [
    ['--embeddings', 'docs.npy', '--rate', '0.1'],
    2,
    /^nestbit: USAGE: --rate tunes the map that --pairs trains/,
  ],
  [
    ['--embeddings', 'docs.npy', '--vocabulary', '100'],
    2,
    /'--embeddings <file>' cannot be used with .*--vocabulary/,
  ],
  [['--embeddings', 'docs.npy', 'docs.jsonl'], 2, /^nestbit: USAGE: Give texts \(docs.jsonl/],
  [['--pairs', 'queries.npy'], 2, /^nestbit: USAGE: --pairs belongs to --embeddings/],
])('%j is refused', async (args, status, message) => {
  const named = args.map((arg) => (arg.endsWith('.npy') ? path(arg) : arg));
  const refused = await nestbit('train', ...named, '--out', path('refused.json'));
  expect(refused.status).toBe(status);
  expect(refused.err).toMatch(message);
});
