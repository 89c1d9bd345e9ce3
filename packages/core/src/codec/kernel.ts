import { Kernels } from '../kernels/kernels.ts';
import type { CodeMemory } from './codec.ts';
import { type CopyKind, copyBytes } from './copies.ts';
import { MapKernel } from './map-kernel.ts';
import { PLAN_BYTES, writePlan } from './plan.ts';
import type { Rotation } from './rotation.ts';
import type { ScalarSteps } from './scalars.ts';
import { badVector } from './truncate.ts';
import type { Id } from './types.ts';

/** What the kernel needs of a codec, of a calibration only the map: float32, shape (dimensions) where not said. */
export interface KernelTables {
  /** Default `calibrated`. */
  readonly copy?: CopyKind;
  /** Undefined: rows get no scalars. */
  readonly steps?: ScalarSteps | undefined;
  readonly lo?: Float32Array | undefined;
  readonly step?: Float32Array | undefined;
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
  readonly #scalars: number;
  readonly #copies: number;
  readonly #plan: number;
  readonly #widths: { readonly scalars: number; readonly copy: number };
  readonly #signs: number;
  readonly #rotation: Rotation | undefined;
  readonly #mapper: MapKernel | undefined;

  constructor(inputDimensions: number, dimensions: number, tables: KernelTables = {}) {
    this.#inputDimensions = inputDimensions;
    this.#n = dimensions;
    const { copy = 'calibrated', steps, lo, step, mean, rotation, map } = tables;
    const widest = map === undefined ? dimensions : inputDimensions;
    const rows = Math.max(1, Math.floor(BLOCK_BYTES / (widest * 4)));
    this.#blockRows = rows;
    this.#widths = { scalars: steps === undefined ? 0 : 2, copy: copyBytes(copy, dimensions) };
    this.#x = this.#kernels.reserve(rows * dimensions * 4);
    this.#bits = this.#kernels.reserve((rows * dimensions) / 8);
    this.#scalars = this.#kernels.reserve(rows * this.#widths.scalars);
    this.#copies = this.#kernels.reserve(rows * this.#widths.copy);
    this.#plan = this.#kernels.reserve(PLAN_BYTES);
    this.#rotation = rotation;
    this.#signs = this.#table(rotation?.signs);
    const plan = {
      n: dimensions,
      copy,
      copyBytes: this.#widths.copy,
      steps,
      rotation,
      mean: this.#table(mean),
      signs: this.#signs,
      lo: this.#table(lo),
      step: this.#table(step),
      bits: this.#bits,
      scalars: steps === undefined ? 0 : this.#scalars,
      copies: this.#copies,
    };
    // Not earlier: memory that grows detaches the views made before.
    writePlan(this.#kernels.bytes(this.#plan, PLAN_BYTES), plan);
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

  /** Writes the codes of all rows; returns how many values of a calibrated copy lay outside their range. */
  encode(embeddings: Float32Array, ids: readonly Id[] | undefined, into: CodeMemory, firstRow = 0): number {
    const n = this.#n;
    const { scalars, copy } = this.#widths;
    let saturated = 0;
    this.eachBlock(embeddings, { ids, firstRow }, (first, rows) => {
      saturated += this.#kernels.run.encode(this.#x, rows, this.#plan);
      into.bits.set(this.#kernels.bytes(this.#bits, (rows * n) / 8), (first * n) / 8);
      into.scalars.set(this.#kernels.bytes(this.#scalars, rows * scalars), first * scalars);
      into.copies.set(this.#kernels.bytes(this.#copies, rows * copy), first * copy);
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

  // The place of a copy in the kernels' memory; 0 for a table that there is not.
  #table(values: Float32Array | undefined): number {
    if (values === undefined) return 0;
    const pointer = this.#kernels.reserve(values.byteLength);
    this.#kernels.float32(pointer, values.length).set(values);
    return pointer;
  }
}
