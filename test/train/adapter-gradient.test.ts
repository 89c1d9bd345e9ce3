import { expect, test } from 'vitest';
import { LinearStep } from '../../packages/core/src/train/adapter/linear-step.ts';
import { matryoshkaLoss } from '../../packages/core/src/train/losses/matryoshka.ts';
import { rankingLoss } from '../../packages/core/src/train/losses/ranking.ts';
import { Random } from '../../packages/core/src/train/random.ts';

test('the gradient of the linear map is that of finite differences of the definition', () => {
  const [width, batch, dimensions, weights, scale] = [24, 16, [8, 16], [0.5, 2], 7] as const;
  const random = new Random(9);
  const step = new LinearStep({ inputDimensions: width, batch, dimensions, weights, scale });
  for (const values of [step.map, step.pairs])
    for (let i = 0; i < values.length; i++) values[i] = random.normal();
  const loss = (map: Float64Array): number => {
    const y = new Float64Array(2 * batch * 16);
    for (let row = 0; row < 2 * batch; row++) {
      for (let j = 0; j < 16; j++) {
        for (let i = 0; i < width; i++) y[row * 16 + j] += step.pairs[row * width + i] * map[i * 16 + j];
      }
    }
    return matryoshkaLoss(
      (a, b, n) => rankingLoss(a, b, n, scale),
      y.subarray(0, batch * 16),
      y.subarray(batch * 16),
      16,
      dimensions,
      weights,
    ).loss;
  };
  const map = Float64Array.from(step.map);
  expect(step.loss()).toBeCloseTo(loss(map), 4);
  const greatest = Math.max(...step.gradient.map(Math.abs));
  for (let at = 0; at < map.length; at += 5) {
    const moved = (by: number): number => loss(map.map((value, i) => (i === at ? value + by : value)));
    const difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
    expect(Math.abs(difference - step.gradient[at]) / greatest).toBeLessThan(1e-4);
  }
});
