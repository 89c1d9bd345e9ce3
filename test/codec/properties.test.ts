import {
  Calibration,
  calibrate,
  dequantizeInt8,
  formatCodec,
  hadamard,
  int8Steps,
  parseCodec,
  quantizeBits,
  quantizeInt8,
  rescoreScore,
  rotate,
  truncate,
  unpackBits,
} from '@nestbit/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomVectors, sameBytes } from '../support/vectors.ts';

const settings = { seed: 20261123, numRuns: 60 };
const dimensions = fc.integer({ min: 1, max: 40 }).map((eighths) => eighths * 8);
const seed = fc.integer({ min: 1, max: 2 ** 31 });

test('unpacking bits gives the signs that were packed', () => {
  fc.assert(
    fc.property(dimensions, fc.integer({ min: 1, max: 9 }), seed, (n, rows, s) => {
      const x = randomVectors(rows, n, s);
      expect(unpackBits(quantizeBits(x, n), n)).toEqual(Int8Array.from(x, (value) => (value > 0 ? 1 : -1)));
    }),
    settings,
  );
});

test('the rotation keeps dot products, and its seed alone decides it', () => {
  fc.assert(
    fc.property(dimensions, seed, (n, s) => {
      const a = truncate(randomVectors(1, n, s), n, n);
      const b = truncate(randomVectors(1, n, s + 1), n, n);
      const dot = (x: Float32Array, y: Float32Array): number =>
        x.reduce((sum, value, i) => sum + value * y[i], 0);
      const before = dot(a, b);
      const again = a.slice();
      rotate(a, hadamard(n, s));
      rotate(b, hadamard(n, s));
      rotate(again, hadamard(n, s));
      expect(dot(a, b)).toBeCloseTo(before, 5);
      expect(dot(a, a)).toBeCloseTo(1, 5);
      expect(again).toEqual(a);
    }),
    settings,
  );
  expect(hadamard(64, 1).signs).not.toEqual(hadamard(64, 2).signs);
});

test('an int8 round trip inside the ranges is off by half a step at most', () => {
  fc.assert(
    fc.property(dimensions, seed, (n, s) => {
      const x = randomVectors(20, n, s);
      const ranges = new Float32Array(2 * n);
      for (let i = 0; i < n; i++) {
        const column = Array.from({ length: 20 }, (_, row) => x[row * n + i]);
        ranges[i] = Math.min(...column);
        ranges[n + i] = Math.max(...column);
      }
      const step = int8Steps(ranges);
      const back = dequantizeInt8(quantizeInt8(x, ranges), ranges);
      // float32 rounding of the quotient can move a value by a few ulp beside a border.
      const steps = back.map((value, at) => Math.abs(value - x[at]) / step[at % n]);
      expect(Math.max(...steps)).toBeLessThanOrEqual(0.5001);
    }),
    settings,
  );
});

test('calibrations merged from any split, in any order, give the codec of one pass', () => {
  fc.assert(
    fc.property(
      dimensions,
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
      seed,
      (n, parts, s) => {
        const options = { inputDimensions: n, histogram: true };
        const whole = new Calibration(options);
        const merged = new Calibration(options);
        const total = parts.reduce((sum, rows) => sum + rows, 100);
        const x = randomVectors(total, n, s);
        whole.add(x);
        let at = 0;
        const calibrations = [...parts, 100].map((rows) => {
          const part = new Calibration(options);
          part.add(x.subarray(at * n, (at + rows) * n));
          at += rows;
          return part;
        });
        for (const part of calibrations.reverse()) merged.merge(structuredClone(part.totals()));
        const [a, b] = [merged.totals(), whole.totals()];
        expect(a.rows).toBe(b.rows);
        for (const part of ['min', 'max', 'sum'] as const) expect(sameBytes(a[part], b[part])).toBe(true);
        expect(sameBytes(a.histogram!, b.histogram!)).toBe(true);
        expect(merged.codec().fingerprint).toBe(whole.codec().fingerprint);
        const clipped = { copy: 'calibrated', quantile: 0.9 } as const;
        expect(merged.codec(clipped).fingerprint).toBe(whole.codec(clipped).fingerprint);
      },
    ),
    { ...settings, numRuns: 15 },
  );
});

test('the rescoring order is that of float64 dot products with the dequantized vectors', () => {
  fc.assert(
    fc.property(dimensions, seed, (n, s) => {
      const x = randomVectors(200, n, s);
      const calibration = new Calibration({ inputDimensions: n });
      calibration.add(x);
      const codec = calibration.codec({ copy: 'calibrated' });
      const { copies } = codec.encode(x);
      const ranges = codec.settings.ranges as Float32Array;
      const [query] = codec.prepare(randomVectors(1, n, s + 1));
      const values = dequantizeInt8(new Int8Array(copies.buffer), ranges);
      const exact = Array.from({ length: 200 }, (_, row) =>
        query.embedding.reduce((sum, q, i) => sum + q * values[row * n + i], 0),
      );
      const scores = exact.map((_, row) =>
        rescoreScore(query, 'calibrated', copies.subarray(row * n, (row + 1) * n)),
      );
      expect(Math.max(...scores.map((score, row) => Math.abs(score - exact[row])))).toBeLessThan(1e-10);
      const order = (by: number[]): number[] => [...by.keys()].sort((a, b) => by[b] - by[a]);
      const ours = order(scores);
      // Equal up to scores that float64 itself cannot tell apart.
      order(exact).forEach((row, place) => {
        expect(Math.abs(exact[row] - exact[ours[place]])).toBeLessThan(1e-10);
      });
    }),
    { ...settings, numRuns: 25 },
  );
});

test('truncating twice is truncating once', () => {
  fc.assert(
    fc.property(dimensions, seed, (n, s) => {
      const once = truncate(randomVectors(3, n, s), n, n);
      expect(truncate(once, n, n)).toEqual(once);
    }),
    settings,
  );
});

test('a codec survives codec.json', async () => {
  const calibration = await calibrate([randomVectors(120, 48)], { inputDimensions: 48, dimensions: 40 });
  const codec = calibration.codec({ model: 'm', seed: 3 });
  const again = parseCodec(formatCodec(codec));
  expect(again.fingerprint).toBe(codec.fingerprint);
  expect(again.settings).toEqual(codec.settings);
  expect(again.encode(randomVectors(9, 48, 2))).toEqual(codec.encode(randomVectors(9, 48, 2)));
});
