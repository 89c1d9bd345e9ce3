import { expect, test } from 'vitest';
import { fuzz } from '../support/fuzz/run.ts';
import { targets } from '../support/fuzz/targets/index.ts';

/** Files a format; `npm run check:fuzz` reads many more. */
const CASES = 600;

test.each(targets.map(({ name }) => name))(
  '%s: a mutated file is refused by name or read as it stands, and never ends the process',
  async (name) => {
    const { refused, right, faults } = await fuzz(name, 20_261_128, CASES);
    expect(faults).toEqual([]);
    expect(refused + right).toBe(CASES);
    expect(refused).toBeGreaterThan(0);
  },
);
