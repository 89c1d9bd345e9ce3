import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareText } from '../../packages/core/src/store/text-order.ts';

test('text is ordered as its UTF-8 bytes are', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', 'é', '\uD7FF', '\uE000', '\uFF5E', '\uFFFF', '\u{10000}', '\u{1F600}'),
    maxLength: 4,
  });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { seed: 20261123, numRuns: 5000 },
  );
});
