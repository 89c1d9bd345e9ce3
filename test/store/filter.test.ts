import { FieldRegistry, type Filter, matches, type Payload, parseFilter } from '@nestbit/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusal } from '../support/files.ts';

const scalar = fc.oneof(
  fc.constantFrom(null, true, false, '', 'a', 'b', 'ab', '\u{1F600}', '\uFF5E', '\uD7FF', '1', 0, 1, -1, 2.5),
  fc.integer({ min: -3, max: 3 }),
  fc.string({ unit: 'binary', maxLength: 3 }).filter((text) => !text.includes('\0')),
);
const field = fc.constantFrom('a', 'b', '__proto__', 'constructor', 'toString');
const bound = scalar.filter((value) => typeof value === 'string' || typeof value === 'number');
const wanted = fc.oneof(
  scalar,
  fc
    .record(
      {
        in: fc.array(scalar, { maxLength: 4 }),
        ne: scalar,
        gte: bound,
        gt: bound,
        lte: bound,
        lt: bound,
        contains: scalar,
      },
      { requiredKeys: [] },
    )
    .filter((operators) => Object.keys(operators).length > 0),
);
// fromEntries, since a record arbitrary cannot hold a key `__proto__`.
const object = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.array(fc.tuple(field, value), { maxLength: 3 }).map((entries) => Object.fromEntries(entries));
const payload = fc.option(object(fc.oneof(scalar, fc.constantFrom([], {}, ['a'], { a: 1 }))), {
  nil: undefined,
});

/** The rules of a filter, once more, as plainly as can be. */
function naive(filter: Filter, row: Payload | undefined): boolean {
  const fields = new Map(Object.entries(row ?? {}));
  return Object.entries(filter).every(([name, want]) => {
    const value = fields.get(name) ?? null;
    if (want === null || typeof want !== 'object') return value === want;
    return Object.entries(want).every(([operator, operand]) => {
      if (operator === 'in') return (operand as unknown[]).some((one) => one === value);
      if (operator === 'ne') return value !== operand;
      if (operator === 'contains') return Array.isArray(value) && value.some((one) => one === operand);
      if (typeof value !== typeof operand || value === null || typeof value === 'object') return false;
      const order =
        typeof value === 'number'
          ? value - (operand as number)
          : Buffer.compare(codePoints(value as string), codePoints(operand as string));
      return { gte: order >= 0, gt: order > 0, lte: order <= 0, lt: order < 0 }[operator] as boolean;
    });
  });
}

// Four bytes a code point, high byte first: their order as bytes is that of the numbers.
function codePoints(text: string): Buffer {
  const points = Array.from(text, (letter) => letter.codePointAt(0) as number);
  const bytes = Buffer.alloc(points.length * 4);
  for (const [at, point] of points.entries()) bytes.writeUInt32BE(point, at * 4);
  return bytes;
}

test('filters select what the naive rules select', () => {
  let passed = 0;
  fc.assert(
    fc.property(object(wanted), payload, (filter, row) => {
      const expected = naive(filter as Filter, row);
      if (expected) passed++;
      expect(matches(parseFilter(filter as Filter), row)).toBe(expected);
    }),
    { seed: 20261123, numRuns: 20_000 },
  );
  // Both answers are well represented.
  expect(passed).toBeGreaterThan(2000);
  expect(passed).toBeLessThan(18_000);
});

test('`and`, `or` and `not` combine what their filters select', () => {
  fc.assert(
    fc.property(fc.array(object(wanted), { maxLength: 3 }), payload, (filters, row) => {
      const each = (filters as Filter[]).map((filter) => naive(filter, row));
      const passes = (filter: Filter): boolean => matches(parseFilter(filter), row);
      expect(passes({ or: filters as Filter[] })).toBe(each.some((one) => one));
      expect(passes({ and: filters as Filter[] })).toBe(each.every((one) => one));
      expect(passes({ not: { or: filters as Filter[] } })).toBe(!each.some((one) => one));
    }),
    { seed: 20261128, numRuns: 3000 },
  );
});

test('whole numbers that may have been rounded, NUL and half characters are refused in filters', async () => {
  const refused = (filter: string): Promise<string> => refusal(() => parseFilter(JSON.parse(filter)));
  // Two owners, one number: JSON.parse has already rounded it.
  expect(await refused('{"owner":9007199254740993}')).toMatch(/^FILTER_VALUE: .*9007199254740992.*as text/);
  expect(await refused('{"owner":{"in":[1,-9007199254740993]}}')).toMatch(/^FILTER_VALUE/);
  expect(await refused('{"owner":9007199254740991}')).toBe('accepted');
  expect(await refused('{"owner":1e300}')).toBe('accepted');
  expect(await refused('{"a":"\\u0000"}')).toMatch(/^FILTER_VALUE: .*NUL/);
  expect(await refused('{"a":{"gte":"\\ud800"}}')).toMatch(/^FILTER_VALUE: .*surrogate/);
  expect(await refused('{"\\ud800":1}')).toMatch(/^FILTER_FIELD: .*surrogate/);
  expect(await refused('{"or":[{"a":{"not":1}}]}')).toMatch(/^FILTER_OPERATOR/);
});

test('conditions are plain data in the order of the filter', () => {
  expect(
    parseFilter({ lang: 'en', year: { gte: 2016, lt: 2019 }, tag: { in: ['a', null], ne: 'b' } }),
  ).toEqual([
    { field: 'lang', operator: 'in', values: ['en'] },
    { field: 'year', operator: 'gte', value: 2016 },
    { field: 'year', operator: 'lt', value: 2019 },
    { field: 'tag', operator: 'in', values: ['a', null] },
    { field: 'tag', operator: 'ne', value: 'b' },
  ]);
  expect(parseFilter({})).toEqual([]);
});

test('a wrong filter is refused with the field, what was given and what there is', async () => {
  const refused = (filter: unknown): Promise<string> => refusal(() => parseFilter(filter as Filter));
  expect(await refused({ year: { above: 5 } })).toBe(
    'FILTER_OPERATOR: The filter on "year" has the operator above; there are: in, gte, gt, lte, lt, ne, contains.',
  );
  expect(await refused({ year: { toString: 5 } })).toMatch(/^FILTER_OPERATOR: .*toString/);
  expect(await refused({ year: {} })).toMatch(/^FILTER_OPERATOR: /);
  expect(await refused({ year: { in: 'abc' } })).toMatch(
    /^FILTER_VALUE: .*"year" \(in\) is given "abc"; .*array/,
  );
  expect(await refused({ year: { in: new Array(2) } })).toMatch(/^FILTER_VALUE: .*given undefined/);
  expect(await refused({ year: { gt: null } })).toMatch(
    /^FILTER_VALUE: .*\(gt\) is given null; .*number or text/,
  );
  expect(await refused({ year: Number.NaN })).toMatch(/^FILTER_VALUE: .*given NaN/);
  expect(await refused({ year: 5n })).toMatch(/^FILTER_VALUE: .*given 5/);
  expect(await refused({ year: { ne: Object.create(null) } })).toMatch(/^FILTER_VALUE: .*given an object/);
  expect(await refused({ year: new Date(Number.NaN) })).toMatch(/^FILTER_VALUE: .*given a Date/);
});

test('what is no plain object is no filter, and never one that passes every row', () => {
  for (const filter of [null, 'a = 1', [], new Map([['a', 1]]), new Date(), { __proto__: { a: 1 } }])
    expect(() => parseFilter(filter as never)).toThrow(TypeError);
});

test('the registry knows every field that was ever stored, and names those there are', async () => {
  const registry = new FieldRegistry(['kept']);
  expect(registry.add({ lang: 'en', year: null })).toBe(true);
  expect(registry.add({ lang: 'de' })).toBe(false);
  expect(registry.add(undefined)).toBe(false);
  expect(registry.fields.sort()).toEqual(['kept', 'lang', 'year']);
  registry.check(parseFilter({ year: 5, kept: true }));
  expect(await refusal(() => registry.check(parseFilter({ lang: 'en', yaer: 5 })))).toBe(
    'FILTER_FIELD: No stored payload has the field "yaer"; there are: kept, lang, year.',
  );
  expect(await refusal(() => registry.check(parseFilter({ constructor: 5 } as never)))).toMatch(
    /^FILTER_FIELD/,
  );
  for (let i = 0; i < 30; i++) registry.add({ [`f${i}`]: i });
  expect(await refusal(() => registry.check(parseFilter({ x: 5 })))).toMatch(/, and 13 more\.$/);
  expect(await refusal(() => new FieldRegistry().check(parseFilter({ x: 5 })))).toMatch(/there are: none\./);
});
