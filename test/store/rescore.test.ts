import { Codec, calibrate, type PreparedQuery, rescore, rescoreApart, rescoreScore } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { expect, test } from 'vitest';

const ROWS = 300;
const ROOM = 2 ** 53;

for (const n of [8, 64, 1000, 1024, 2056, 20_000]) {
  for (const copy of ['int8', 'int4', 'int16', 'calibrated'] as const) {
    test(`of ${n} dimensions, the kernel gives every row the score that is defined, from ${copy} copies`, async () => {
      const codec = await codecOf(n, copy);
      const [query] = codec.prepare(clusteredVectors(1, n, 7).fill(0.5, 0, 3));
      expectExact(query, copy === 'int16' ? 32_767 : 128);
      // Any bytes are codes; the tails are those of rows.
      const codes = codec.encode(clusteredVectors(ROWS, n, 5));
      const width = codec.layout.copy;
      const tail = copy === 'calibrated' ? 0 : 8;
      for (let row = 0; row < 100; row++) {
        const bytes = codes.copies.subarray(row * width, (row + 1) * width - tail);
        if (row < 2) bytes.fill(row === 0 ? 0x80 : 0x7f);
        else for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i + row, 0x9e3779b1) >>> 24;
      }
      const candidates = Uint32Array.from({ length: ROWS }, (_, row) => ROWS - 1 - row);
      const found = rescore(codec, query, codes, candidates, ROWS);
      expect([...found.rows].sort((a, b) => a - b)).toEqual([...candidates].reverse());
      const copies = Array.from({ length: ROWS }, (_, row) =>
        codes.copies.slice(row * width, (row + 1) * width),
      );
      expect([...found.scores]).toEqual(
        [...found.rows].map((row) => clamp(rescoreScore(query, copy, copies[row]))),
      );
      expect(rescoreApart(codec, query, copies, 7)).toEqual(
        rescore(codec, query, codes, candidates.slice().reverse(), 7),
      );
    });
  }
}

test('with no copy the bit score is the cosine that the bits estimate', async () => {
  const n = 1024;
  const codec = await codecOf(n, 'none');
  const x = clusteredVectors(ROWS, n, 5);
  const codes = codec.encode(x);
  const kept = codec.truncate(x);
  const [query] = codec.prepare(clusteredVectors(1, n, 7));
  const rows = Uint32Array.from({ length: ROWS }, (_, row) => row);
  const found = rescore(codec, query, codes, rows, ROWS);
  const errors = Array.from(found.rows, (row, place) => {
    let cosine = 0;
    for (let i = 0; i < n; i++) cosine += kept[row * n + i] * query.embedding[i];
    return found.scores[place] - cosine;
  });
  const mean = errors.reduce((sum, error) => sum + error, 0) / ROWS;
  const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / ROWS);
  // The estimate is unbiased, and its deviation that of the paper: about .75 / √n for rows of length 1.
  expect(Math.abs(mean)).toBeLessThan(0.004);
  expect(deviation).toBeLessThan(0.03);
});

function clamp(score: number): number {
  return Math.min(1, Math.max(-1, score));
}

async function codecOf(n: number, copy: 'int8' | 'int4' | 'int16' | 'none' | 'calibrated'): Promise<Codec> {
  const sample = [clusteredVectors(200, n, 3)];
  return new Codec((await calibrate(sample, { inputDimensions: n })).codec({ copy }).settings);
}

/** No partial sum with codes up to `largest` passes what float64 holds exactly, and little room is left unused. */
function expectExact(query: PreparedQuery, largest: number): void {
  const total = query.rescoreWeights.reduce((sum, weight) => sum + Math.abs(weight), 0) * largest;
  expect(total).toBeLessThan(ROOM);
  expect(total).toBeGreaterThan(ROOM / 8);
  expect(query.rescoreWeights.every(Number.isSafeInteger)).toBe(true);
}
