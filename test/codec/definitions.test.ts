import {
  bitScore,
  bitScorer,
  Codec,
  calibrate,
  hadamard,
  quantizeBits,
  quantizeCopy,
  quantizeInt8,
  quantizeScalars,
  rescore,
  rotate,
  rowSums,
  scalarSteps,
  signSum,
  signSumTable,
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

const copies = ['int8', 'int4', 'int16', 'none', 'calibrated'] as const;

for (const [width, n] of shapes) {
  for (const [rotation, center] of [
    ['none', 'none'],
    ['none', 'mean'],
    ['hadamard', 'mean'],
    ['hadamard', 'none'],
  ] as const) {
    test(`the codec's kernels equal the definitions bit for bit: ${width} → ${n}, ${rotation}, ${center}`, async () => {
      // Rows around a common direction, so that the mean counts.
      const x = randomVectors(150, width).map((value, at) => value + (at % width < 3 ? 2 : 0));
      const calibration = await calibrate([x], { inputDimensions: width, dimensions: n });
      // Rows that the calibration has not seen, some out of its ranges, one of them close to the mean.
      const fresh = randomVectors(90, width, 2);
      fresh.set(Array.from({ length: width }, (_, i) => (i < 3 ? 2 : 1e-20)));
      const kept = truncate(fresh, width, n);
      const { mean } = calibration.codec({ copy: 'none', rotation, center, seed: 7 }).settings;
      const centred = kept.slice();
      for (let at = 0; at < kept.length; at += n) {
        const row = centred.subarray(at, at + n);
        if (mean !== undefined) for (let i = 0; i < n; i++) row[i] -= mean[i];
        if (rotation === 'hadamard') rotate(row, hadamard(n, 7));
      }
      for (const copy of copies) {
        const codec = calibration.codec({ rotation, center, seed: 7, copy });
        const codes = codec.encode(fresh);
        expect(sameBytes(codec.truncate(fresh), kept)).toBe(true);
        expect(sameBytes(codes.bits, quantizeBits(centred, n))).toBe(true);
        if (copy === 'calibrated')
          expect(sameBytes(codes.copies, quantizeInt8(kept, codec.settings.ranges as Float32Array))).toBe(
            true,
          );
        const steps = scalarSteps(n, mean);
        for (let row = 0; row < 90; row++) {
          const y = centred.slice(row * n, (row + 1) * n);
          expect([...codes.scalars.subarray(2 * row, 2 * row + 2)]).toEqual(
            quantizeScalars(rowSums(y), n, steps),
          );
          if (copy === 'calibrated') continue;
          const width = codec.layout.copy;
          const own = codes.copies.subarray(row * width, (row + 1) * width);
          expect(sameBytes(own, quantizeCopy(y, copy))).toBe(true);
        }
      }
    });
  }
}

test('a row that is the mean itself has a finite copy and scores by its mean', async () => {
  const n = 64;
  const calibration = await calibrate([randomVectors(200, n)], { inputDimensions: n });
  const settings = calibration.codec({ copy: 'int8', rotation: 'none' }).settings;
  const mean = truncate(randomVectors(1, n, 3), n, n);
  for (const copy of ['int8', 'int4', 'int16', 'none'] as const) {
    const codec = new Codec({ ...settings, copy, mean });
    for (const size of [0, 1e-38]) {
      const row = mean.map((value, i) => value + (i === 5 ? size : 0));
      const codes = codec.encode(row);
      const [query] = codec.prepare(row);
      const rows = { bits: codes.bits, scalars: codes.scalars, copies: codes.copies };
      const [score] = rescore(codec, query, rows, Uint32Array.of(0), 1).scores;
      expect(Math.abs(score - 1)).toBeLessThan(1e-6);
    }
  }
});

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
  const codec = calibration.codec({ copy: 'calibrated' });
  const ranges = codec.settings.ranges as Float32Array;
  expect(codec.encode(x).saturated).toBe(0);
  const other = randomVectors(50, 64, 9).map((value, at) => (at % 64 === 5 ? 40 : value));
  const kept = codec.truncate(other);
  let outside = 0;
  for (let at = 0; at < kept.length; at++) {
    const i = at % 64;
    const q = Math.fround(kept[at] - ranges[i]) / Math.fround(Math.fround(ranges[64 + i] - ranges[i]) / 255);
    if (q < 0 || Math.floor(Math.fround(q)) > 255) outside++;
  }
  expect(outside).toBeGreaterThan(40);
  expect(codec.encode(other).saturated).toBe(outside);
});

test('the table of sign sums gives the bit scores that are defined', async () => {
  const n = 72;
  const calibration = await calibrate([randomVectors(200, n)], { inputDimensions: n });
  const codec = calibration.codec({ copy: 'int8' });
  const old = new Codec({ ...calibration.codec({ copy: 'calibrated' }).settings, scalars: false });
  for (const made of [codec, old]) {
    const [query] = made.prepare(randomVectors(1, n, 5));
    const codes = made.encode(randomVectors(40, n, 6));
    const rows = Uint32Array.from({ length: 40 }, (_, row) => row);
    const scores = new Float64Array(40);
    bitScorer(made, query, codes)(rows, scores);
    expect([...scores]).toEqual(
      Array.from(rows, (row) => bitScore(query, made.bitFactors, codes.bits, codes.scalars, row)),
    );
    expect(scores.every(Number.isSafeInteger)).toBe(true);
    const table = signSumTable(query.bitWeights);
    expect(table).toHaveLength((n / 8) * 256);
    if (made === old) expect(scores[3]).toBe(signSum(query.bitWeights, codes.bits, 3));
  }
});
