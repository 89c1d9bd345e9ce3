import type { Codes } from './types.ts';

/**
 * Counts over the life of a codec how many values of calibrated copies were clamped at the ends of their
 * ranges. A share that grows says that the data has drifted from what the calibration saw.
 */
export class SaturationCounter {
  #rows = 0;
  #values = 0;
  #saturated = 0;

  add(codes: Codes): void {
    this.#rows += codes.rows;
    this.#values += codes.bits.length * 8;
    this.#saturated += codes.saturated;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Share of all values that were clamped, 0 … 1. */
  get share(): number {
    return this.#values === 0 ? 0 : this.#saturated / this.#values;
  }
}
