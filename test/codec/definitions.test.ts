import {
  calibrate,
  hadamard,
  quantizeBits,
  quantizeInt8,
  refineScore,
  refineTable,
  rotate,
  truncate,
} from '@nestbit/core';
import { expect, test } from 'vitest';
import { randomVectors, sameBytes } from '../support/vectors.ts';

const shapes = [
  [8, 8],
  [40, 24],
  [32, 32],
  [128, 128],
  [2048, 2048],
  [384, 384],
  [768, 64],
  [1024, 768],
  [1536, 1536],
  [1030, 1000],
];

for (const [width, n] of shapes) {
  for (const [rotation, center] of [
    ['none', 'none'],
    ['none', 'mean'],
    ['hadamard', 'mean'],
    ['hadamard', 'none'],
  ] as const) {
    test(`the codec's kernels equal the definitions bit for bit: ${width} → ${n}, ${rotation}, ${center}`, async () => {
      const x = randomVectors(150, width);
      const codec = (await calibrate([x], { inputDimensions: width, dimensions: n })).codec({
        rotation,
        center,
        seed: 7,
      });
      // Rows that the calibration has not seen, some out of its ranges.
      const fresh = randomVectors(90, width, 2);
      const codes = codec.encode(fresh);
      const kept = truncate(fresh, width, n);
      expect(sameBytes(codec.truncate(fresh), kept)).toBe(true);
      expect(sameBytes(codes.int8, quantizeInt8(kept, codec.settings.ranges))).toBe(true);
      for (let at = 0; at < kept.length; at += n) {
        const row = kept.subarray(at, at + n);
        if (codec.settings.mean !== undefined) for (let i = 0; i < n; i++) row[i] -= codec.settings.mean[i];
        if (rotation === 'hadamard') rotate(row, hadamard(n, 7));
      }
      expect(sameBytes(codes.bits, quantizeBits(kept, n))).toBe(true);
    });
  }
}

test('lengths beyond float32, denormals and unit vectors are normalized like the definition says', async () => {
  const n = 16;
  const rows = [1e-40, 1e-38, 1e38, 1e-20, 1].map((size) =>
    randomVectors(1, n, 3).map((value) => value * size),
  );
  const unit = truncate(randomVectors(1, n, 4), n, n);
  const x = Float32Array.from([...rows.flatMap((row) => [...row]), ...unit]);
  const codec = (await calibrate([randomVectors(200, n)], { inputDimensions: n })).codec();
  const kept = codec.truncate(x);
  expect(kept).toEqual(truncate(x, n, n));
  for (let row = 0; row < x.length / n; row++) {
    const length = Math.hypot(...kept.subarray(row * n, (row + 1) * n));
    expect(Math.abs(length - 1)).toBeLessThan(1e-6);
  }
  expect(kept.subarray(-n)).toEqual(unit);
});

test('saturated values are counted', async () => {
  const x = randomVectors(300, 64);
  const calibration = await calibrate([x], { inputDimensions: 64 });
  const codec = calibration.codec();
  expect(codec.encode(x).saturated).toBe(0);
  const other = randomVectors(50, 64, 9).map((value, at) => (at % 64 === 5 ? 40 : value));
  const kept = codec.truncate(other);
  let outside = 0;
  for (let at = 0; at < kept.length; at++) {
    const i = at % 64;
    const { ranges } = codec.settings;
    const q = Math.fround(kept[at] - ranges[i]) / Math.fround(Math.fround(ranges[64 + i] - ranges[i]) / 255);
    if (q < 0 || Math.floor(Math.fround(q)) > 255) outside++;
  }
  expect(outside).toBeGreaterThan(40);
  expect(codec.encode(other).saturated).toBe(outside);
});

test('the refine table gives the refine score', async () => {
  const n = 72;
  const codec = (await calibrate([randomVectors(200, n)], { inputDimensions: n })).codec();
  const [query] = codec.prepare(randomVectors(1, n, 5));
  const { bits } = codec.encode(randomVectors(40, n, 6));
  const table = refineTable(query.refineWeights);
  for (let row = 0; row < 40; row++) {
    let score = 0;
    for (let i = 0; i < n / 8; i++) score += table[i * 256 + bits[(row * n) / 8 + i]];
    expect(score).toBe(refineScore(query, bits, row));
  }
});
