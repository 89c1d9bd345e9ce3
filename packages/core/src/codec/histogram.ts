/** Bins over −1 … 1, the range of a unit vector's values. */
const BINS = 4096;

/** Counts of values by dimension in equal bins: constant memory, merged by addition, quantiles to 1/2048. */
export class Histogram {
  readonly counts: Uint32Array;
  readonly #dimensions: number;

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
    this.counts = new Uint32Array(dimensions * BINS);
  }

  /** @param vectors rows × dimensions, values of unit vectors */
  add(vectors: Float32Array): void {
    const n = this.#dimensions;
    for (let at = 0; at < vectors.length; at++) {
      const bin = Math.min(BINS - 1, Math.max(0, Math.floor((vectors[at] + 1) * (BINS / 2))));
      this.counts[(at % n) * BINS + bin] += 1;
    }
  }

  merge(counts: Uint32Array): void {
    for (let i = 0; i < counts.length; i++) this.counts[i] += counts[i];
  }

  /** Narrows (2, dimensions) ranges so that they hold the given share of the values, half cut on each side. */
  clip(ranges: Float32Array, quantile: number): void {
    const n = this.#dimensions;
    for (let i = 0; i < n; i++) {
      const bins = this.counts.subarray(i * BINS, (i + 1) * BINS);
      let total = 0;
      for (const count of bins) total += count;
      const cut = ((1 - quantile) / 2) * total;
      let low = 0;
      for (let below = bins[0]; below <= cut && low < BINS - 1; below += bins[low]) low++;
      let high = BINS - 1;
      for (let above = bins[high]; above <= cut && high > 0; above += bins[high]) high--;
      ranges[i] = Math.max(ranges[i], low / (BINS / 2) - 1);
      ranges[n + i] = Math.min(ranges[n + i], (high + 1) / (BINS / 2) - 1);
    }
  }
}
