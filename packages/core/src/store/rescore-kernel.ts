import type { CopyKind } from '../codec/copies.ts';
import { copyBytes } from '../codec/copies.ts';
import type { PreparedQuery } from '../codec/types.ts';
import { Kernels } from '../kernels/kernels.ts';

/** Bytes of copies scored at a time: they stay in the first-level cache. */
const BLOCK_BYTES = 16_384;

/** `rescoreScore` of many rows, in WebAssembly. Not re-entrant, as its calls are synchronous. */
class RescoreKernel {
  readonly #kernels = new Kernels();
  readonly #n: number;
  readonly #kind: CopyKind;
  readonly #stride: number;
  readonly #blockRows: number;
  readonly #weights: number;
  readonly #copies: number;
  readonly #expanded: number;
  readonly #out: number;
  readonly #low: number;

  constructor(dimensions: number, kind: CopyKind) {
    this.#n = dimensions;
    this.#kind = kind;
    this.#stride = copyBytes(kind, dimensions);
    const rows = Math.max(1, Math.floor(BLOCK_BYTES / this.#stride));
    this.#blockRows = rows;
    this.#weights = this.#kernels.reserve(dimensions * 8);
    this.#copies = this.#kernels.reserve(rows * this.#stride);
    this.#expanded = this.#kernels.reserve(kind === 'int4' ? rows * dimensions : 0);
    this.#out = this.#kernels.reserve(rows * 8);
    this.#low = this.#kernels.reserve(kind === 'int16' ? rows * 8 : 0);
  }

  /** Writes the score of each row to `scores`; `copyOf` returns its copy. */
  scores(query: PreparedQuery, copyOf: (at: number) => ArrayLike<number>, scores: Float64Array): void {
    const { rescoreScale, rescoreBias } = query;
    const stride = this.#stride;
    this.#kernels.float64(this.#weights, this.#n).set(query.rescoreWeights);
    const copies = this.#kernels.bytes(this.#copies, this.#blockRows * stride);
    const sums = this.#kernels.float64(this.#out, this.#blockRows);
    const tails = new DataView(copies.buffer, copies.byteOffset, copies.byteLength);
    for (let first = 0; first < scores.length; first += this.#blockRows) {
      const rows = Math.min(this.#blockRows, scores.length - first);
      for (let row = 0; row < rows; row++) copies.set(copyOf(first + row), row * stride);
      this.#sum(rows);
      for (let row = 0; row < rows; row++) {
        if (this.#kind === 'calibrated') {
          scores[first + row] = sums[row] * rescoreScale + rescoreBias;
        } else {
          const tail = (row + 1) * stride - 8;
          const scale = tails.getFloat32(tail, true);
          const half = tails.getFloat32(tail + 4, true);
          scores[first + row] = sums[row] * rescoreScale * scale - half + rescoreBias;
        }
      }
    }
  }

  // Σ weights × codes of the rows that stand in the block.
  #sum(rows: number): void {
    const { run } = this.#kernels;
    const n = this.#n;
    if (this.#kind === 'int4') {
      run.expandInt4(this.#copies, rows, n, this.#stride, this.#expanded);
      run.rescore(this.#expanded, rows, n, n, this.#weights, this.#out);
      return;
    }
    run.rescore(this.#copies, rows, n, this.#stride, this.#weights, this.#out);
    if (this.#kind !== 'int16') return;
    run.rescore(this.#copies + n, rows, n, this.#stride, this.#weights, this.#low);
    const high = this.#kernels.float64(this.#out, rows);
    const low = this.#kernels.float64(this.#low, rows);
    for (let row = 0; row < rows; row++) high[row] = 256 * high[row] + low[row];
  }
}

const kernels = new Map<string, RescoreKernel>();

/** Returns the shared kernel for this width and kind of copy. */
export function rescoreKernel(dimensions: number, kind: Exclude<CopyKind, 'none'>): RescoreKernel {
  const key = `${kind}:${dimensions}`;
  const kernel = kernels.get(key) ?? new RescoreKernel(dimensions, kind);
  kernels.set(key, kernel);
  return kernel;
}
