import { NetworkFloats } from '@nestbit/core';
import { expect, test } from 'vitest';

test('float32 in the order of the network is read wherever it lies, whatever its bits', () => {
  const network = new NetworkFloats();
  for (const count of [1, 3, 4, 1024, 4095, 4096, 4097, 16_000]) {
    for (const from of [0, 1, 6]) {
      const values = Float32Array.from({ length: count }, (_, i) =>
        Math.fround(Math.sin(i) * 10 ** ((i % 70) - 35)),
      );
      values[0] = Number.NaN;
      if (count > 2) values.set([Number.NEGATIVE_INFINITY, -0], 1);
      const bytes = Buffer.alloc(from + 4 * count + 5, 0xff);
      for (const [i, value] of values.entries()) bytes.writeFloatBE(value, from + 4 * i);
      const into = new Float32Array(count + 3).fill(7);
      network.read(bytes, from, into, 2, count);
      expect(into.slice(2, -1)).toEqual(values);
      expect([into[0], into[1], into[count + 2]]).toEqual([7, 7, 7]);
    }
  }
});
