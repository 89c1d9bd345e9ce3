import { createHash } from 'node:crypto';

/**
 * A seeded orthogonal rotation: two rounds of random signs and a normalized Walsh-Hadamard transform, in
 * O(n log n). For n that is no power of two each round transforms the first p and then the last p values,
 * p the largest power of two ≤ n. (Ailon and Chazelle 2009, the fast Johnson-Lindenstrauss transform;
 * two rounds mix as well as a dense random rotation.)
 */
export interface Rotation {
  /** n */
  readonly dimensions: number;
  /** p */
  readonly block: number;
  /** float32 of 1 / √p */
  readonly scale: number;
  /** ±1 for round 1, then for round 2: 2 × n */
  readonly signs: Float32Array;
}

/**
 * The rotation of a seed. The signs are the bits, most significant first (1 is −1), of
 * `sha256("nestbit-hadamard:<seed>:<round>:<block of 256>")`, so that any language can make them again.
 *
 * @param dimensions n, a multiple of 8
 * @param seed an integer
 */
export function hadamard(dimensions: number, seed: number): Rotation {
  const signs = new Float32Array(2 * dimensions);
  for (let round = 0; round < 2; round++) {
    for (let start = 0; start < dimensions; start += 256) {
      const digest = createHash('sha256')
        .update(`nestbit-hadamard:${seed}:${round}:${start / 256}`)
        .digest();
      for (let i = start; i < Math.min(start + 256, dimensions); i++) {
        const bit = (digest[(i - start) >> 3] >> (7 - (i & 7))) & 1;
        signs[round * dimensions + i] = bit === 1 ? -1 : 1;
      }
    }
  }
  const block = 2 ** Math.floor(Math.log2(dimensions));
  return { dimensions, block, scale: Math.fround(1 / Math.sqrt(block)), signs };
}

/** Rotates one vector of n values in place, every sum rounded to float32. The definition. */
export function rotate(x: Float32Array, rotation: Rotation): void {
  const { dimensions, block, signs } = rotation;
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < dimensions; i++) x[i] *= signs[round * dimensions + i];
    transform(x.subarray(0, block), rotation.scale);
    if (block < dimensions) transform(x.subarray(dimensions - block, dimensions), rotation.scale);
  }
}

function transform(x: Float32Array, scale: number): void {
  for (let h = 1; h < x.length; h *= 2) {
    for (let start = 0; start < x.length; start += 2 * h) {
      for (let i = start; i < start + h; i++) {
        const a = x[i];
        const b = x[i + h];
        x[i] = a + b;
        x[i + h] = a - b;
      }
    }
  }
  for (let i = 0; i < x.length; i++) x[i] *= scale;
}
