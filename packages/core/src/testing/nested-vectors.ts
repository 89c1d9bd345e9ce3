import { centred, next } from './noise.ts';

/** How texts lie: topics within topics. */
export interface NestedShape {
  /** Parts of each part. Default 4. */
  readonly branching?: number;
  /** Depth of the tree; its leaves are branching^levels. Default 10: about a million. */
  readonly levels?: number;
  /** Of a vector's squared length, what each level decides; the rest is the row's own. Default 0.088. */
  readonly share?: number;
  /** Value i is scaled by (i + 1)^-decay. Default 0.45: about 55 effective dimensions of 1024. */
  readonly decay?: number;
  /** Default 1. */
  readonly seed?: number;
}

/** Of those, the sums of the upper levels are kept. */
const KEPT_NODES = 4096;

/**
 * Seeded unit vectors whose neighbours lie as those of real texts do: each ten times as many neighbours reach about 0.15
 * further down in cosine, at every scale, where `ClusteredVectors` ends at the edge of a cluster within which all rows
 * are about equally far. The defaults follow passages of MedQuAD embedded by a static model, with which
 * test/recall/nested-vectors.test.ts compares them.
 */
export class NestedVectors {
  readonly #dimensions: number;
  readonly #branching: number;
  readonly #levels: number;
  readonly #seed: number;
  /** Value i of what a level, and of what a row itself adds. */
  readonly #ofLevel: Float64Array;
  readonly #ofRow: Float64Array;
  /** Sums of the upper levels: nodes × dimensions. */
  readonly #upper: Float32Array;
  readonly #upperNodes: number;
  readonly #upperLevels: number;
  #state: number;

  constructor(
    dimensions: number,
    { branching = 4, levels = 10, share = 0.088, decay = 0.45, seed = 1 }: NestedShape = {},
  ) {
    this.#dimensions = dimensions;
    this.#branching = branching;
    this.#levels = levels;
    this.#seed = seed;
    this.#state = seed;
    const scaled = (weight: number): Float64Array =>
      Float64Array.from({ length: dimensions }, (_, i) => Math.sqrt(weight) * (i + 1) ** -decay);
    this.#ofLevel = scaled(share);
    this.#ofRow = scaled(Math.max(0, 1 - share * levels));
    this.#upperLevels = Math.min(levels, Math.floor(Math.log(KEPT_NODES) / Math.log(branching)));
    this.#upperNodes = branching ** this.#upperLevels;
    this.#upper = new Float32Array(this.#upperNodes * dimensions);
    for (let node = 0; node < this.#upperNodes; node++)
      for (let level = 0; level < this.#upperLevels; level++) {
        const ancestor = Math.floor(node / branching ** (this.#upperLevels - 1 - level));
        this.#addNode(this.#upper, node * dimensions, level, ancestor);
      }
  }

  /** The next rows, rows × dimensions: what `take` gives one after the other is what one call would give. */
  take(rows: number): Float32Array {
    const dimensions = this.#dimensions;
    const out = new Float32Array(rows * dimensions);
    for (let at = 0; at < out.length; at += dimensions) {
      let node = this.#pick(this.#upperNodes);
      out.set(this.#upper.subarray(node * dimensions, (node + 1) * dimensions), at);
      for (let level = this.#upperLevels; level < this.#levels; level++) {
        node = node * this.#branching + this.#pick(this.#branching);
        this.#addNode(out, at, level, node);
      }
      let sum = 0;
      for (let i = 0; i < dimensions; i++) {
        this.#state = next(this.#state);
        const value = out[at + i] + centred(this.#state) * this.#ofRow[i];
        out[at + i] = value;
        sum += value * value;
      }
      const length = Math.sqrt(sum);
      for (let i = 0; i < dimensions; i++) out[at + i] /= length;
    }
    return out;
  }

  #pick(count: number): number {
    this.#state = next(this.#state);
    return Math.floor((this.#state / 2 ** 32) * count);
  }

  /** Adds what a node of the tree gives to all below it. */
  #addNode(out: Float32Array, at: number, level: number, node: number): void {
    let state = mixed(mixed(this.#seed * 64 + level) + node);
    for (let i = 0; i < this.#dimensions; i++) {
      state = next(state);
      out[at + i] += centred(state) * this.#ofLevel[i];
    }
  }
}

/** The finalizer of MurmurHash3: numbers that are near become states that are not. */
function mixed(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
