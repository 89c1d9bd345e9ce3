import type { Kernels } from '../kernels/kernels.ts';

/** Normalizes and maps blocks of rows in WebAssembly (definition: map.ts). */
export class MapKernel {
  readonly #kernels: Kernels;
  readonly #width: number;
  readonly #n: number;
  /** Width rounded up to whole vectors, for the normalization; the rest stays 0. */
  readonly #stride: number;
  readonly #tiles: number;
  readonly #in: number;

  /** @param map inputDimensions × dimensions; dimensions divide by 8 */
  constructor(
    kernels: Kernels,
    map: Float32Array,
    inputDimensions: number,
    dimensions: number,
    blockRows: number,
  ) {
    this.#kernels = kernels;
    this.#width = inputDimensions;
    this.#n = dimensions;
    this.#stride = Math.ceil(inputDimensions / 4) * 4;
    this.#in = kernels.reserve(blockRows * this.#stride * 4);
    this.#tiles = kernels.reserve(map.byteLength);
    const tiles = kernels.float32(this.#tiles, map.length);
    for (let c = 0; c < dimensions; c += 8) {
      for (let i = 0; i < inputDimensions; i++) {
        const from = i * dimensions + c;
        tiles.set(map.subarray(from, from + 8), c * inputDimensions + i * 8);
      }
    }
  }

  /**
   * Maps rows `first` … `first + rows` of the embeddings to `out`, at length 1 before the map.
   *
   * @returns 0, or (bad row << 2) | reason, as truncate
   */
  map(embeddings: Float32Array, first: number, rows: number, out: number): number {
    const width = this.#width;
    const stride = this.#stride;
    const x = this.#kernels.float32(this.#in, rows * stride);
    if (width === stride) {
      x.set(embeddings.subarray(first * width, (first + rows) * width));
    } else {
      for (let row = 0; row < rows; row++) {
        const from = (first + row) * width;
        x.set(embeddings.subarray(from, from + width), row * stride);
      }
    }
    const bad = this.#kernels.run.truncate(this.#in, rows, stride);
    if (bad === 0) this.#kernels.run.mapRows(this.#in, rows, width, stride, this.#tiles, this.#n, out);
    return bad;
  }
}
