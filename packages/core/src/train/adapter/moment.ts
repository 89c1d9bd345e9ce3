import { badVector } from '../../codec/truncate.ts';
import { Kernels } from '../../kernels/kernels.ts';
import { sharedMemory, type TrainKernels, trainKernels } from '../engine/wasm.ts';

/** Rows that are summed in float32 before they join the float64 sums: always the same ones, however rows came. */
const BLOCK_ROWS = 256;
/** Columns that are multiplied at a time; those left of the diagonal are left out. */
const STRIP = 64;

/**
 * The second moment `1/rows · Σ x xᵀ` of rows at length 1, in constant memory. Rows are taken in blocks of a fixed size,
 * so the result does not depend on how the stream was cut into batches.
 */
export class SecondMoment {
  readonly #width: number;
  /** Width rounded up to whole tiles; the rest stays 0. */
  readonly #stride: number;
  readonly #normalizer = new Kernels();
  readonly #in: number;
  readonly #kernels: TrainKernels;
  readonly #x: Float32Array;
  readonly #out: Float32Array;
  readonly #pack: number;
  readonly #sums: Float64Array;
  #waiting = 0;
  #rows = 0;

  constructor(width: number) {
    this.#width = width;
    this.#stride = Math.ceil(width / STRIP) * STRIP;
    const values = BLOCK_ROWS * this.#stride;
    this.#in = this.#normalizer.reserve(values * 4);
    const square = this.#stride * this.#stride;
    this.#pack = (values + square) * 4;
    const memory = sharedMemory(this.#pack + BLOCK_ROWS * 32);
    this.#kernels = trainKernels(memory);
    this.#x = new Float32Array(memory.buffer, 0, values);
    this.#out = new Float32Array(memory.buffer, values * 4, square);
    this.#sums = new Float64Array(square);
  }

  /** Rows so far. */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Adds rows × width values of any length.
   *
   * @throws NestbitError `VECTOR_NOT_FINITE`, `VECTOR_ZERO`
   */
  add(vectors: Float32Array): void {
    const width = this.#width;
    const stride = this.#stride;
    const total = vectors.length / width;
    for (let first = 0; first < total; ) {
      const rows = Math.min(total - first, BLOCK_ROWS - this.#waiting);
      const unit = this.#normalizer.float32(this.#in, rows * stride);
      for (let row = 0; row < rows; row++) {
        const from = (first + row) * width;
        unit.set(vectors.subarray(from, from + width), row * stride);
      }
      const bad = this.#normalizer.run.truncate(this.#in, rows, stride);
      if (bad !== 0) throw badVector(bad & 3, bad >> 2, undefined, this.#rows);
      this.#x.set(unit, this.#waiting * stride);
      this.#waiting += rows;
      this.#rows += rows;
      first += rows;
      if (this.#waiting === BLOCK_ROWS) this.#flush();
    }
  }

  /** width × width, symmetric. */
  matrix(): Float64Array {
    this.#flush();
    const width = this.#width;
    const out = new Float64Array(width * width);
    for (let i = 0; i < width; i++) {
      for (let j = 0; j <= i; j++) {
        const value = this.#sums[i * this.#stride + j] / this.#rows;
        out[i * width + j] = value;
        out[j * width + i] = value;
      }
    }
    return out;
  }

  // The lower triangle of xᵀ x of the block, strip by strip.
  #flush(): void {
    const stride = this.#stride;
    if (this.#waiting === 0) return;
    const out = this.#x.byteLength;
    for (let c = 0; c < stride; c += STRIP) {
      const columns = out + c * 4;
      const rows = this.#waiting;
      this.#kernels.multiply(
        0,
        1,
        stride,
        c * 4,
        stride,
        columns,
        stride,
        c,
        stride,
        STRIP,
        rows,
        this.#pack,
      );
      for (let i = c; i < stride; i++) {
        for (let at = i * stride + c; at < i * stride + c + STRIP; at++) this.#sums[at] += this.#out[at];
      }
    }
    this.#waiting = 0;
  }
}
