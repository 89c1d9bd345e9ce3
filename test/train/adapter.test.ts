import { Calibration } from '@nestbit/core';
import { fitLinear, fitPca, neighbourRetention } from '@nestbit/core/train';
import { expect, test } from 'vitest';
import { symmetricEigen } from '../../packages/core/src/train/adapter/eigen.ts';
import { Random } from '../../packages/core/src/train/random.ts';
import { sameBytes } from '../support/vectors.ts';

const WIDTH = 40;

/** Random orthonormal columns: width × width. */
function orthogonal(width: number, seed: number): Float64Array {
  const random = new Random(seed);
  const half = Float64Array.from({ length: width * width }, () => random.normal());
  const symmetric = half.map((value, at) => value + half[(at % width) * width + Math.floor(at / width)]);
  return symmetricEigen(symmetric, width).vectors;
}

/** Rows whose coordinates in a hidden basis have the given sizes: rows × width. */
function planted(rows: number, sizes: readonly number[], basis: Float64Array, seed: number): Float32Array {
  const width = sizes.length;
  const random = new Random(seed);
  const out = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < width; j++) {
      const value = random.normal() * sizes[j];
      for (let i = 0; i < width; i++) out[row * width + i] += value * basis[i * width + j];
    }
  }
  return out;
}

const basis = orthogonal(WIDTH, 1);
const sizes = Array.from({ length: WIDTH }, (_, j) => (j < 8 ? 1 : 0.02));
const rows = planted(1500, sizes, basis, 2);

/** columnᵀ column of a map, n × n. */
function gram(map: ArrayLike<number>, n: number): number[] {
  const width = map.length / n;
  return Array.from({ length: n * n }, (_, at) => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += map[i * n + Math.floor(at / n)] * map[i * n + (at % n)];
    return sum;
  });
}

test('principal components are orthogonal and find a planted subspace', async () => {
  const { map, energy, dimensions } = await fitPca([rows], { inputDimensions: WIDTH });
  expect(dimensions).toBe(WIDTH);
  for (const [at, value] of gram(map, WIDTH).entries()) {
    expect(Math.abs(value - (Math.floor(at / WIDTH) === at % WIDTH ? 1 : 0))).toBeLessThan(1e-5);
  }
  expect(energy[7]).toBeGreaterThan(0.99);
  expect(energy[WIDTH - 1]).toBeCloseTo(1, 12);
  expect([...energy].every((value, i) => i === 0 || value >= energy[i - 1])).toBe(true);
  // Every planted direction lies almost wholly in the first 8 columns.
  for (let j = 0; j < 8; j++) {
    let length = 0;
    for (let c = 0; c < 8; c++) {
      let dot = 0;
      for (let i = 0; i < WIDTH; i++) dot += map[i * WIDTH + c] * basis[i * WIDTH + j];
      length += dot * dot;
    }
    expect(length).toBeGreaterThan(0.99);
  }
});

test('the greatest value of every column is positive, and eigenvalues descend', () => {
  const matrix = Float64Array.of(2, -1, 0, -1, 2, -1, 0, -1, 2);
  const { values, vectors } = symmetricEigen(matrix, 3);
  [2 + Math.SQRT2, 2, 2 - Math.SQRT2].forEach((value, j) => {
    expect(values[j]).toBeCloseTo(value, 12);
    const column = [0, 1, 2].map((i) => vectors[i * 3 + j]);
    expect(Math.max(...column)).toBeCloseTo(Math.max(...column.map(Math.abs)), 12);
    for (let i = 0; i < 3; i++) {
      const product = [0, 1, 2].reduce((sum, k) => sum + matrix[i * 3 + k] * column[k], 0);
      expect(product).toBeCloseTo(value * column[i], 12);
    }
  });
});

test('the same rows give the same bytes, however they are cut into batches, whatever their length', async () => {
  const whole = await fitPca([rows], { inputDimensions: WIDTH, dimensions: 16 });
  for (const step of [1, 7, 255, 256, 700]) {
    const parts = function* (): Generator<Float32Array> {
      for (let row = 0; row < 1500; row += step) yield rows.subarray(row * WIDTH, (row + step) * WIDTH);
    };
    const { map } = await fitPca(parts(), { inputDimensions: WIDTH, dimensions: 16 });
    expect(sameBytes(map, whole.map)).toBe(true);
  }
  const longer = await fitPca([rows.map((value) => value * 4)], { inputDimensions: WIDTH, dimensions: 16 });
  expect(sameBytes(longer.map, whole.map)).toBe(true);
});

test('widths that fill no tile are fitted, and rank-deficient rows give finite maps', async () => {
  const width = 70;
  const flat = planted(
    200,
    Array.from({ length: width }, (_, j) => (j < 3 ? 1 : 0)),
    orthogonal(width, 3),
    4,
  );
  const { map, dimensions, energy } = await fitPca([flat], { inputDimensions: width });
  expect(dimensions).toBe(64);
  expect(map.every(Number.isFinite)).toBe(true);
  expect(energy[2]).toBeGreaterThan(0.999999);
});

test('a map keeps more neighbours than plain truncation', async () => {
  const { map, ...rest } = await fitPca([rows.subarray(40 * WIDTH)], {
    inputDimensions: WIDTH,
    dimensions: 16,
  });
  const kept = neighbourRetention(
    { map, ...rest },
    rows.subarray(40 * WIDTH),
    rows.subarray(0, 40 * WIDTH),
    [16, 8],
  );
  expect(kept.map(({ dimensions }) => dimensions)).toEqual([16, 8]);
  for (const { plain, mapped } of kept) expect(mapped).toBeGreaterThan(plain + 0.3);
  expect(kept[1].mapped).toBeGreaterThan(0.9);
});

/** Pairs that share 8 weak directions; 8 strong ones say nothing of what belongs together. */
function plantedPairs(count: number, seed: number): { anchors: Float32Array; positives: Float32Array } {
  const shared = planted(
    count,
    Array.from({ length: WIDTH }, (_, j) => (j >= 8 && j < 16 ? 0.4 : 0)),
    basis,
    seed,
  );
  const side = (own: number): Float32Array => {
    const noise = planted(
      count,
      Array.from({ length: WIDTH }, (_, j) => (j < 8 ? 1 : 0.02)),
      basis,
      own,
    );
    return noise.map((value, i) => value + shared[i]);
  };
  return { anchors: side(seed + 1), positives: side(seed + 2) };
}

/** Share of the anchors whose own positive is the nearest at n dimensions. */
function firstHits(
  { anchors, positives }: ReturnType<typeof plantedPairs>,
  map: Float32Array,
  n: number,
): number {
  const calibration = new Calibration({ inputDimensions: WIDTH, dimensions: n, map });
  calibration.add(positives);
  const codec = calibration.codec();
  const [a, b] = [codec.truncate(anchors), codec.truncate(positives)];
  const count = a.length / n;
  let right = 0;
  for (let i = 0; i < count; i++) {
    let best = -2;
    let at = -1;
    for (let k = 0; k < count; k++) {
      let cos = 0;
      for (let t = 0; t < n; t++) cos += a[i * n + t] * b[k * n + t];
      if (cos > best) [best, at] = [cos, k];
    }
    if (at === i) right++;
  }
  return right / count;
}

test('with pairs the map finds what belongs together, where principal components cannot; seeded', async () => {
  const pairs = plantedPairs(1024, 20);
  const held = plantedPairs(200, 50);
  const options = {
    inputDimensions: WIDTH,
    dimensions: [16, 8],
    batch: 128,
    epochs: 15,
    rate: 0.01,
    seed: 3,
  };
  const pca = await fitPca([pairs.anchors, pairs.positives], { inputDimensions: WIDTH, dimensions: 16 });
  let steps = 0;
  const linear = await fitLinear(pairs, { ...options, onProgress: ({ done }) => (steps = done) });
  expect(steps).toBe(15 * 8);
  expect(linear.losses[1]).toBeLessThan(linear.losses[0] * 0.8);
  const [before, after] = [pca.map, linear.map].map((map) => firstHits(held, map, 8));
  expect(before).toBeLessThan(0.2);
  expect(after).toBeGreaterThan(0.5);
  const again = await fitLinear(pairs, options);
  expect(sameBytes(again.map, linear.map)).toBe(true);
  const other = await fitLinear(pairs, { ...options, seed: 4, start: pca.map });
  expect(sameBytes(other.map, linear.map)).toBe(false);
});

test('bad input is refused with the way out', async () => {
  const refused = async (work: Promise<unknown>, error: unknown): Promise<void> => {
    await expect(work).rejects.toThrow(error as Error);
  };
  const code = (name: string): unknown => expect.objectContaining({ code: name });
  const pca = { inputDimensions: WIDTH };
  await refused(fitPca([rows.subarray(0, 20 * WIDTH)], pca), code('DATASET_INVALID'));
  await refused(fitPca([], pca), code('DATASET_INVALID'));
  await refused(fitPca([rows], { ...pca, dimensions: 48 }), RangeError);
  await refused(fitPca([rows], { ...pca, dimensions: 12 }), code('DIMENSIONS'));
  await refused(fitPca([rows.subarray(1)], pca), code('BATCH_SHAPE'));
  const nan = rows.slice();
  nan[300 * WIDTH] = Number.NaN;
  await refused(
    fitPca([nan.subarray(0, 100 * WIDTH), nan.subarray(100 * WIDTH)], pca),
    expect.objectContaining({ code: 'VECTOR_NOT_FINITE', message: expect.stringContaining('row 300') }),
  );
  await refused(fitPca([rows], { ...pca, signal: AbortSignal.abort() }), code('ABORTED'));

  const pairs = { anchors: rows, positives: rows };
  const linear = { ...pca, dimensions: [16, 8], batch: 64, epochs: 1 };
  await refused(fitLinear(pairs, { ...linear, dimensions: [48, 8] }), RangeError);
  await refused(fitLinear(pairs, { ...linear, dimensions: [8, 16] }), RangeError);
  await refused(fitLinear(pairs, { ...linear, weights: [1] }), RangeError);
  await refused(fitLinear(pairs, { ...linear, start: new Float32Array(8) }), RangeError);
  await refused(fitLinear(pairs, { ...linear, rate: 1e38 }), code('TRAINING_DIVERGED'));
  await refused(fitLinear({ ...pairs, anchors: rows.subarray(WIDTH) }, linear), code('BATCH_SHAPE'));
  const few = rows.subarray(0, WIDTH);
  await refused(fitLinear({ anchors: few, positives: few }, linear), code('DATASET_INVALID'));
  const controller = new AbortController();
  const aborted = fitLinear(pairs, {
    ...linear,
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await refused(aborted, code('ABORTED'));
});
