import { best } from '@nestbit/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';

test('the best candidates are those of a stable sort by score, then row', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 999 }), fc.integer({ min: -5, max: 5 })), {
        maxLength: 200,
      }),
      fc.integer({ min: 1, max: 220 }),
      (pairs, count) => {
        const unique = [...new Map(pairs)];
        const rows = Uint32Array.from(unique, ([row]) => row);
        const scores = Float64Array.from(unique, ([, score]) => score / 3);
        const expected = unique
          .map(([row, score]) => ({ row, score: score / 3 }))
          .sort((a, b) => b.score - a.score || a.row - b.row)
          .slice(0, count);
        const found = best(rows, scores, count);
        expect([...found.rows]).toEqual(expected.map(({ row }) => row));
        expect([...found.scores]).toEqual(expected.map(({ score }) => score));
      },
    ),
    { seed: 20261123, numRuns: 300 },
  );
});
