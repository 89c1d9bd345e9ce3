import type { PreparedQuery } from '../codec/types.ts';
import { Kernels } from '../kernels/kernels.ts';

/** Codes scored at a time, in bytes: they stay in the first-level cache. */
const BLOCK_BYTES = 16_384;

/** `rescoreScore` of many rows, in WebAssembly. Not re-entrant, as its calls are synchronous. */
class RescoreKernel {
  readonly #kernels = new Kernels();
  readonly #n: number;
  readonly #blockRows: number;
  readonly #weights: number;
  readonly #codes: number;
  readonly #out: number;

  constructor(dimensions: number) {
    this.#n = dimensions;
    this.#blockRows = Math.max(1, Math.floor(BLOCK_BYTES / dimensions));
    this.#weights = this.#kernels.reserve(dimensions * 8);
    this.#codes = this.#kernels.reserve(this.#blockRows * dimensions);
    this.#out = this.#kernels.reserve(this.#blockRows * 8);
  }

  /** Writes the score of each row to `scores`; `rowOf` gives its int8 copy. */
  scoresOf(
    { rescoreWeights, rescoreScale, rescoreBias }: PreparedQuery,
    rowOf: (at: number) => ArrayLike<number>,
    scores: Float64Array,
  ): void {
    const n = this.#n;
    this.#kernels.float64(this.#weights, n).set(rescoreWeights);
    const codes = this.#kernels.int8(this.#codes, this.#blockRows * n);
    const out = this.#kernels.float64(this.#out, this.#blockRows);
    for (let first = 0; first < scores.length; first += this.#blockRows) {
      const rows = Math.min(this.#blockRows, scores.length - first);
      for (let row = 0; row < rows; row++) codes.set(rowOf(first + row), row * n);
      this.#kernels.run.rescore(this.#codes, rows, n, this.#weights, this.#out);
      for (let row = 0; row < rows; row++) scores[first + row] = out[row] * rescoreScale + rescoreBias;
    }
  }
}

const kernels = new Map<number, RescoreKernel>();

/** That of so many dimensions. */
export function rescoreKernel(dimensions: number): RescoreKernel {
  const kernel = kernels.get(dimensions) ?? new RescoreKernel(dimensions);
  kernels.set(dimensions, kernel);
  return kernel;
}
