/** The shortest of some runs, in milliseconds, after one that is not counted. */
export function best(repeats: number, run: () => void): number {
  run();
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeats; i++) {
    const started = performance.now();
    run();
    shortest = Math.min(shortest, performance.now() - started);
  }
  return shortest;
}
