import { searchPlan } from '@nestbit/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusal } from '../support/files.ts';

test('defaults are 10 hits of 200 rescored of 1600 Hamming candidates', () => {
  expect(searchPlan()).toEqual({
    k: 10,
    prefilter: 1600,
    rescored: 200,
    conditions: [],
    payloads: false,
    signal: undefined,
  });
  expect(searchPlan({ k: 3, oversample: 4 })).toMatchObject({ k: 3, prefilter: 96, rescored: 12 });
});

test('a prefilter below k × oversample caps what is rescored', () => {
  expect(searchPlan({ k: 10, oversample: 20, prefilter: 50 })).toMatchObject({ prefilter: 50, rescored: 50 });
  expect(searchPlan({ k: 10, prefilter: 10 })).toMatchObject({ prefilter: 10, rescored: 10 });
});

test('a broken oversample rounds up, but not for the last bits of a product', () => {
  expect(searchPlan({ k: 10, oversample: 1.1 }).rescored).toBe(11);
  expect(searchPlan({ k: 10, oversample: 1.11 }).rescored).toBe(12);
});

test('numbers out of range are refused with the number and its limits', async () => {
  const refused = (options: object): Promise<string> => refusal(() => searchPlan(options));
  expect(await refused({ k: 0 })).toBe('SEARCH_LIMIT: k is 0; it must be a whole number from 1 to 10000.');
  expect(await refused({ k: 10_001 })).toMatch(/^SEARCH_LIMIT: k is 10001/);
  expect(await refused({ k: 10, prefilter: 9 })).toMatch(
    /^SEARCH_LIMIT: prefilter is 9; .* from 10 to 10000000/,
  );
  // The number that the caller gave is named, not the default that follows from it.
  expect(await refused({ k: 10, oversample: 500_000 })).toMatch(
    /^SEARCH_LIMIT: oversample is 500000; .* 100000\./,
  );
  expect(searchPlan({ k: 10_000, oversample: 100 })).toMatchObject({ rescored: 1e6, prefilter: 8e6 });
});

test('every pair of k and oversample within the limits has a valid default prefilter', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (k, part) => {
        const oversample = 1 + part * (1_000_000 / k - 1);
        const plan = searchPlan({ k, oversample });
        expect(plan.rescored).toBeGreaterThanOrEqual(k);
        expect(plan.rescored).toBeLessThanOrEqual(1_000_000);
        expect(plan.prefilter).toBeGreaterThanOrEqual(plan.rescored);
      },
    ),
    { seed: 20261123 },
  );
});

test('types come before ranges, and the first wrong option is named', () => {
  expect(() => searchPlan({ k: 0, oversample: '5' } as never)).toThrow(
    /^oversample must be a number, got string/,
  );
  expect(() => searchPlan({ k: 5n } as never)).toThrow(/^k must be a number, got bigint/);
  expect(() => searchPlan({ k: null, prefilter: 'x' } as never)).toThrow(/^k must be a number/);
  expect(() => searchPlan({ k: 0, payloads: 1 } as never)).toThrow(/^payloads must be/);
  expect(() => searchPlan({ k: 0, signal: {} } as never)).toThrow(/^signal must be/);
});
