/** Bounds of a mean, both included. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

const Z = 1.96;

/** Wilson's score interval of a share at 95 % (Wilson 1927); all of 0 to 1 without a trial. */
export function wilson(share: number, trials: number): Interval {
  if (trials === 0) return { low: 0, high: 1 };
  const z2 = (Z * Z) / trials;
  const middle = (share + z2 / 2) / (1 + z2);
  const half = (Z * Math.sqrt((share * (1 - share)) / trials + z2 / (4 * trials))) / (1 + z2);
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
