import { Kernels } from '../kernels/kernels.ts';
import { MapKernel } from './map-kernel.ts';
import type { Rotation } from './rotation.ts';
import { badVector } from './truncate.ts';
import type { Id } from './types.ts';

/** What the kernel needs of a codec, of a calibration only the map: float32, shape (dimensions) where not said. */
export interface KernelTables {
  readonly lo?: Float32Array;
  readonly step?: Float32Array;
  readonly mean?: Float32Array | undefined;
  readonly rotation?: Rotation | undefined;
  /** inputDimensions × dimensions */
  readonly map?: Float32Array | undefined;
}

/** Bytes of floats worked on at a time: they stay in the second-level cache between the passes. */
const BLOCK_BYTES = 131_072;

/** Truncates and encodes blocks of rows in WebAssembly. One per codec; not re-entrant, as its calls are synchronous. */
export class CodecKernel {
  readonly #kernels = new Kernels();
  readonly #inputDimensions: number;
  readonly #n: number;
  readonly #blockRows: number;
  readonly #x: number;
  readonly #bits: number;
  readonly #int8: number;
  #lo = 0;
  #step = 0;
  #mean = 0;
  #signs = 0;
  #rotation: Rotation | undefined;
  readonly #mapper: MapKernel | undefined;

  constructor(inputDimensions: number, dimensions: number, tables: KernelTables = {}) {
    this.#inputDimensions = inputDimensions;
    this.#n = dimensions;
    const { lo, step, mean, rotation, map } = tables;
    const widest = map === undefined ? dimensions : inputDimensions;
    this.#blockRows = Math.max(1, Math.floor(BLOCK_BYTES / (widest * 4)));
    this.#x = this.#kernels.reserve(this.#blockRows * dimensions * 4);
    this.#bits = this.#kernels.reserve((this.#blockRows * dimensions) / 8);
    this.#int8 = this.#kernels.reserve(this.#blockRows * dimensions);
    if (lo !== undefined) this.#lo = this.#table(lo);
    if (step !== undefined) this.#step = this.#table(step);
    if (mean !== undefined) this.#mean = this.#table(mean);
    if (rotation !== undefined) this.#signs = this.#table(rotation.signs);
    this.#rotation = rotation;
    if (map !== undefined) {
      this.#mapper = new MapKernel(this.#kernels, map, inputDimensions, dimensions, this.#blockRows);
    }
  }

  /** Unit vectors of the kept dimensions: rows × inputDimensions → rows × dimensions. */
  truncate(embeddings: Float32Array, ids?: readonly Id[]): Float32Array {
    const n = this.#n;
    const out = new Float32Array((embeddings.length / this.#inputDimensions) * n);
    this.eachBlock(embeddings, { ids }, (first, rows) => {
      out.set(this.#kernels.float32(this.#x, rows * n), first * n);
    });
    return out;
  }

  /** Writes the codes of all rows; returns how many values lay outside their int8 range. */
  encode(
    embeddings: Float32Array,
    ids: readonly Id[] | undefined,
    bits: Uint8Array,
    int8: Int8Array,
    firstRow = 0,
  ): number {
    const n = this.#n;
    const rotation = this.#rotation;
    let saturated = 0;
    this.eachBlock(embeddings, { ids, firstRow }, (first, rows) => {
      saturated += this.#kernels.run.encode(
        this.#x,
        rows,
        n,
        this.#bits,
        this.#int8,
        this.#lo,
        this.#step,
        this.#mean,
        this.#signs,
        rotation?.block ?? 0,
        rotation?.scale ?? 1,
      );
      bits.set(this.#kernels.bytes(this.#bits, (rows * n) / 8), (first * n) / 8);
      int8.set(this.#kernels.int8(this.#int8, rows * n), first * n);
    });
    return saturated;
  }

  /** Rotates rows of n values in place. */
  rotate(vectors: Float32Array): void {
    const rotation = this.#rotation;
    if (rotation === undefined) return;
    const n = this.#n;
    for (let at = 0; at < vectors.length; at += this.#blockRows * n) {
      const block = vectors.subarray(at, at + this.#blockRows * n);
      this.#kernels.float32(this.#x, block.length).set(block);
      this.#kernels.run.rotateRows(this.#x, block.length / n, n, this.#signs, rotation.block, rotation.scale);
      block.set(this.#kernels.float32(this.#x, block.length));
    }
  }

  /** Calls back with each block of truncated, normalized rows at `pointer` in the kernels' memory; errors name rows. */
  eachBlock(
    embeddings: Float32Array,
    named: { readonly ids?: readonly Id[] | undefined; readonly firstRow?: number },
    use: (firstRow: number, rows: number, pointer: number) => void,
  ): void {
    const width = this.#inputDimensions;
    const n = this.#n;
    const total = embeddings.length / width;
    for (let first = 0; first < total; first += this.#blockRows) {
      const rows = Math.min(this.#blockRows, total - first);
      let bad = this.#load(embeddings, first, rows);
      if (bad === 0) bad = this.#kernels.run.truncate(this.#x, rows, n);
      if (bad !== 0) throw badVector(bad & 3, first + (bad >> 2), named.ids, named.firstRow);
      use(first, rows, this.#x);
    }
  }

  /** The instance, for the calibration, which keeps its totals in the same memory. */
  get kernels(): Kernels {
    return this.#kernels;
  }

  /** Brings the kept dimensions of some rows, mapped or as they are, to x; what it returns is truncate's. */
  #load(embeddings: Float32Array, first: number, rows: number): number {
    if (this.#mapper !== undefined) return this.#mapper.map(embeddings, first, rows, this.#x);
    const width = this.#inputDimensions;
    const n = this.#n;
    const x = this.#kernels.float32(this.#x, rows * n);
    if (width === n) {
      x.set(embeddings.subarray(first * width, (first + rows) * width));
      return 0;
    }
    for (let row = 0; row < rows; row++) {
      const from = (first + row) * width;
      x.set(embeddings.subarray(from, from + n), row * n);
    }
    return 0;
  }

  #table(values: Float32Array): number {
    const pointer = this.#kernels.reserve(values.byteLength);
    this.#kernels.float32(pointer, values.length).set(values);
    return pointer;
  }
}
