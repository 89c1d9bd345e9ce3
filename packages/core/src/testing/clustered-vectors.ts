import { centred, next } from './noise.ts';

/** Seeded unit vectors in clusters, as embeddings are: rows × dimensions. */
export function clusteredVectors(rows: number, dimensions: number, clusters = 256, seed = 1): Float32Array {
  return new ClusteredVectors(dimensions, clusters, seed).take(rows);
}

/** The same, in pieces: what `take` gives one after the other is what one call would give. */
export class ClusteredVectors {
  readonly #centers: Float32Array;
  readonly #dimensions: number;
  readonly #clusters: number;
  readonly #scale: Float64Array;
  #state: number;

  /**
   * @param decay value i is scaled by (i + 1)^-decay. 0: all dimensions alike, the hardest to search. .45: as many
   * effective dimensions (about 60 of 1024) as real embeddings have
   */
  constructor(dimensions: number, clusters = 256, seed = 1, decay = 0) {
    this.#dimensions = dimensions;
    this.#clusters = clusters;
    this.#state = seed;
    this.#scale = Float64Array.from({ length: dimensions }, (_, i) => (i + 1) ** -decay);
    this.#centers = new Float32Array(clusters * dimensions);
    for (let i = 0; i < this.#centers.length; i++)
      this.#centers[i] = this.#next() * this.#scale[i % dimensions];
  }

  /** The next rows: rows × dimensions. */
  take(rows: number): Float32Array {
    const dimensions = this.#dimensions;
    const out = new Float32Array(rows * dimensions);
    for (let row = 0; row < rows; row++) {
      const center = Math.floor((this.#next() + 0.5) * this.#clusters) * dimensions;
      let sum = 0;
      for (let i = 0; i < dimensions; i++) {
        const value = this.#centers[center + i] + this.#next() * this.#scale[i];
        out[row * dimensions + i] = value;
        sum += value * value;
      }
      const length = Math.sqrt(sum);
      for (let i = 0; i < dimensions; i++) out[row * dimensions + i] /= length;
    }
    return out;
  }

  #next(): number {
    this.#state = next(this.#state);
    return centred(this.#state);
  }
}
