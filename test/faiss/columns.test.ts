import { parseFilter, Turns } from '@nestbit/core';
import { expect, test } from 'vitest';
import { Columns } from '../../packages/faiss-adapter/src/store/columns.ts';

const ROWS = 200_000;

test('searches that load a field at once read each payload about once, not once each', async () => {
  const columns = new Columns();
  let read = 0;
  const payloadOf = (row: number): { part: number } => {
    read++;
    return { part: row % 7 };
  };
  const searches = Array.from({ length: 16 }, (_, i) =>
    columns.passing(parseFilter({ part: i % 7 }), ROWS, undefined, payloadOf, new Turns(), undefined),
  );
  const found = await Promise.all(searches);
  expect(read).toBeLessThan(1.2 * ROWS);
  for (const [i, pass] of found.entries()) {
    let count = 0;
    for (let row = 0; row < ROWS; row++) {
      const passes = (pass[row >> 6] >> BigInt(row & 63)) & 1n;
      if ((passes === 1n) !== (row % 7 === i % 7)) throw new Error(`row ${row} of search ${i} is wrong`);
      count += Number(passes);
    }
    expect(count).toBeGreaterThan(ROWS / 8);
  }
});

test('a search that is aborted while it loads ends at once, and the others go on', async () => {
  const columns = new Columns();
  const payloadOf = (row: number): { part: number } => ({ part: row % 7 });
  const controller = new AbortController();
  const aborted = columns.passing(
    parseFilter({ part: 1 }),
    ROWS,
    undefined,
    payloadOf,
    new Turns(),
    controller.signal,
  );
  const other = columns.passing(parseFilter({ part: 1 }), ROWS, undefined, payloadOf, new Turns(), undefined);
  controller.abort();
  await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
  expect((await other)[0] & 2n).toBe(2n);
});
