import { describe, expect, test } from 'vitest';
import { layoutOf } from '../../packages/core/src/train/engine/layout.ts';
import {
  rankingLoss as kernelLoss,
  rankingPhases,
} from '../../packages/core/src/train/engine/ranking-phases.ts';
import { Team } from '../../packages/core/src/train/engine/team.ts';
import { sharedMemory, trainKernels } from '../../packages/core/src/train/engine/wasm.ts';
import { cosentLoss } from '../../packages/core/src/train/losses/cosent.ts';
import { matryoshkaLoss } from '../../packages/core/src/train/losses/matryoshka.ts';
import { type LossResult, rankingLoss } from '../../packages/core/src/train/losses/ranking.ts';
import { Random } from '../../packages/core/src/train/random.ts';

const WIDTH = 24;
const BATCH = 16;
const DIMENSIONS = [8, 16, 24];
const SCALE = 7;
const random = new Random(3);
const values = (): Float64Array =>
  Float64Array.from({ length: BATCH * WIDTH }, () => Math.fround(random.normal()));
const anchors = values();
const positives = anchors.map((value) => Math.fround(value + 0.7 * random.normal()));
// Some scores are equal: those pairs are not compared.
const scores = Float64Array.from({ length: BATCH }, (_, i) => Math.floor(i / 3) / 5);

type Loss = (a: ArrayLike<number>, b: ArrayLike<number>, width: number) => LossResult;
const losses: Record<string, Loss> = {
  ranking: (a, b, width) => rankingLoss(a, b, width, SCALE),
  'one-way ranking': (a, b, width) => rankingLoss(a, b, width, SCALE, true),
  CoSENT: (a, b, width) => cosentLoss(a, b, scores, width, SCALE),
};

/** The greatest difference from central differences, relative to the greatest derivative. */
function worstDifference(loss: (a: Float64Array, b: Float64Array) => LossResult): number {
  const { anchors: da, positives: db } = loss(anchors, positives);
  const h = 1e-5;
  let worst = 0;
  let greatest = 0;
  for (const [x, derivative] of [
    [anchors, da],
    [positives, db],
  ] as const) {
    for (let i = 0; i < x.length; i++) {
      const at = (value: number): number => {
        const moved = x.slice();
        moved[i] = value;
        return (x === anchors ? loss(moved, positives) : loss(anchors, moved)).loss;
      };
      const difference = (at(x[i] + h) - at(x[i] - h)) / (2 * h);
      worst = Math.max(worst, Math.abs(difference - derivative[i]));
      greatest = Math.max(greatest, Math.abs(derivative[i]));
    }
  }
  expect(greatest).toBeGreaterThan(1e-3);
  return worst / greatest;
}

describe.each(Object.keys(losses))('%s loss', (name) => {
  test.each([...DIMENSIONS.map((n) => [n]), DIMENSIONS])(
    'derivatives are those of finite differences, prefixes %s',
    (...dimensions) => {
      const weights = dimensions.map((_, p) => 1 + p / 2);
      expect(
        worstDifference((a, b) => matryoshkaLoss(losses[name], a, b, WIDTH, dimensions, weights)),
      ).toBeLessThan(1e-6);
    },
  );
});

test('CoSENT by prefix sums is the double sum of its definition', () => {
  const cos = (i: number): number => {
    const a = anchors.subarray(i * WIDTH, (i + 1) * WIDTH);
    const b = positives.subarray(i * WIDTH, (i + 1) * WIDTH);
    const dot = (x: Float64Array, y: Float64Array): number =>
      x.reduce((sum, value, t) => sum + value * y[t], 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  };
  let sum = 0;
  for (let i = 0; i < BATCH; i++) {
    for (let j = 0; j < BATCH; j++) if (scores[i] > scores[j]) sum += Math.exp(SCALE * (cos(j) - cos(i)));
  }
  expect(cosentLoss(anchors, positives, scores, WIDTH, SCALE).loss).toBeCloseTo(Math.log1p(sum), 10);
});

test('CoSENT stays finite where its sum is beyond every number', () => {
  const a = Float64Array.of(1, 0, 1, 0);
  const b = Float64Array.of(-1, 0.1, 1, 0.1);
  const { loss, anchors: da } = cosentLoss(a, b, [1, 0], 2, 5000);
  // One pair of pairs: log(1 + e^x) is x where x is large.
  expect(loss).toBeCloseTo((5000 * 2) / Math.hypot(1, 0.1), 6);
  expect([...da].every(Number.isFinite)).toBe(true);
  expect(Math.max(...da.map(Math.abs))).toBeGreaterThan(1);
});

test('one way, the ranking loss is the cross entropy of each anchor over positives and hard negatives', () => {
  const negatives = positives.map((value, i) => value + Math.sin(i));
  const all = Float64Array.from([...positives, ...negatives]);
  const unit = (x: Float64Array, i: number): Float64Array => {
    const row = x.slice(i * WIDTH, (i + 1) * WIDTH);
    return row.map((value) => value / Math.hypot(...row));
  };
  let expected = 0;
  for (let i = 0; i < BATCH; i++) {
    const logits = Array.from(
      { length: 2 * BATCH },
      (_, k) => SCALE * unit(anchors, i).reduce((sum, value, t) => sum + value * unit(all, k)[t], 0),
    );
    expected += (Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0)) - logits[i]) / BATCH;
  }
  expect(rankingLoss(anchors, all, WIDTH, SCALE, true).loss).toBeCloseTo(expected, 10);
});

test.each([0, 1, 2])('the kernels go one way, with %i hard negatives a pair', (each) => {
  const count = BATCH * (1 + each);
  const dimensions = [8, 24];
  const weights = [0.5, 2];
  const layout = layoutOf({
    ...{ rows: 8, width: WIDTH, batch: count, anchors: BATCH, oneWay: true },
    ...{ dimensions, tokens: 8, threads: 1 },
  });
  const memory = sharedMemory(layout.bytes);
  const floats = (at: number, length: number): Float32Array => new Float32Array(memory.buffer, at, length);
  const rows = Float64Array.from({ length: count * WIDTH }, (_, i) =>
    Math.fround(positives[i % positives.length] + (i < positives.length ? 0 : Math.sin(i))),
  );
  floats(layout.x, BATCH * WIDTH).set(anchors);
  floats(layout.x + count * WIDTH * 4, count * WIDTH).set(rows);
  new Int32Array(memory.buffer, layout.dims, dimensions.length).set(dimensions);
  floats(layout.weights, weights.length).set(weights.map((weight) => (weight * SCALE) / (2 * BATCH)));
  rankingPhases(trainKernels(memory), new Team(memory.buffer, 0, 1), layout, SCALE);
  const expected = matryoshkaLoss(losses['one-way ranking'], anchors, rows, WIDTH, dimensions, weights);
  expect(kernelLoss(memory.buffer, layout, SCALE, weights)).toBeCloseTo(expected.loss, 4);
  const wanted = [...expected.anchors, ...new Float64Array((count - BATCH) * WIDTH), ...expected.positives];
  const found = floats(layout.d, 2 * count * WIDTH);
  const greatest = Math.max(...wanted.map(Math.abs));
  for (const [i, value] of wanted.entries()) expect(Math.abs(found[i] - value) / greatest).toBeLessThan(2e-5);
});

test.each([
  [[24], [1]],
  [
    [8, 16, 24],
    [1, 1, 1],
  ],
  [
    [8, 24],
    [0.25, 2],
  ],
])('the kernels give the ranking loss and its derivatives, prefixes %s', (dimensions, weights) => {
  const layout = layoutOf({ rows: 8, width: WIDTH, batch: BATCH, dimensions, tokens: 8, threads: 1 });
  const memory = sharedMemory(layout.bytes);
  const floats = (at: number, length: number): Float32Array => new Float32Array(memory.buffer, at, length);
  floats(layout.x, BATCH * WIDTH).set(anchors);
  floats(layout.x + BATCH * WIDTH * 4, BATCH * WIDTH).set(positives);
  new Int32Array(memory.buffer, layout.dims, dimensions.length).set(dimensions);
  floats(layout.weights, weights.length).set(weights.map((weight) => (weight * SCALE) / (2 * BATCH)));
  rankingPhases(trainKernels(memory), new Team(memory.buffer, 0, 1), layout, SCALE);
  const expected = matryoshkaLoss(losses['ranking'], anchors, positives, WIDTH, dimensions, weights);
  expect(kernelLoss(memory.buffer, layout, SCALE, weights)).toBeCloseTo(expected.loss, 4);
  const found = floats(layout.d, 2 * BATCH * WIDTH);
  const wanted = [...expected.anchors, ...expected.positives];
  const greatest = Math.max(...wanted.map(Math.abs));
  for (const [i, value] of wanted.entries()) expect(Math.abs(found[i] - value) / greatest).toBeLessThan(2e-5);
});
