import { expect, test } from 'vitest';
import { ReplicaLag } from '../../packages/pg-adapter/src/shrink/backfill/replica-lag.ts';

test('the lag of a replica is the age of the first position that it lacks', () => {
  const lag = new ReplicaLag();
  expect(lag.note(0, 100, 100, 0)).toBe(0);
  // Nothing was written for a minute: the next write is new, however old the last one is.
  expect(lag.note(60_000, 200, 100, 0)).toBe(0);
  expect(lag.note(61_000, 300, 100, 0)).toBe(1);
  expect(lag.note(62_000, 400, 200, 0)).toBe(1);
  // It stands still: what it lacks ages, whatever the server reports.
  expect(lag.note(70_000, 400, 200, 0.1)).toBe(9);
  expect(lag.note(71_000, 400, 400, 9)).toBe(0);
});

test('what was written before the first look is as late as the server reports, or as it has been seen', () => {
  const lag = new ReplicaLag();
  expect(lag.note(0, 100, 50, 3)).toBe(3);
  expect(lag.note(5000, 150, 50, 3)).toBe(5);
  expect(lag.note(6000, 150, 100, 30)).toBe(1);
});
