import { nearest } from '@nestbit/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';

test('the nearest rows are those of a stable sort', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 220 }),
      fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      (distances, count, step) => {
        const all = [...distances.keys()].filter((row) => step === undefined || row % step === 0);
        const expected = all.toSorted((a, b) => distances[a] - distances[b]).slice(0, count);
        const rows = step === undefined ? undefined : Uint32Array.from(all);
        expect([...nearest(Uint16Array.from(distances), count, rows)]).toEqual(expected);
      },
    ),
    { seed: 20261123, numRuns: 300 },
  );
});
