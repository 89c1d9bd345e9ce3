import type { PreparedQuery } from './types.ts';

/** A rotated query in 16-bit fixed point: its largest value becomes ± 32767. Shape (dimensions). */
export function refineWeights(rotated: Float32Array): Int16Array {
  let largest = 0;
  for (let i = 0; i < rotated.length; i++) largest = Math.max(largest, Math.abs(rotated[i]));
  const weights = new Int16Array(rotated.length);
  for (let i = 0; i < rotated.length; i++) weights[i] = Math.round((rotated[i] * 32767) / largest);
  return weights;
}

/**
 * The refine score: Σ w_i (2 b_i − 1), the float query against stored bits (asymmetric distance; RaBitQ,
 * Gao and Long 2024, has the theory). Integer weights make every sum exact, so all stores order alike.
 *
 * @param bits packed rows, dimensions / 8 bytes each
 */
export function refineScore(query: PreparedQuery, bits: Uint8Array, row: number): number {
  const weights = query.refineWeights;
  const start = row * (weights.length >> 3);
  let set = 0;
  let all = 0;
  for (let i = 0; i < weights.length; i++) {
    all += weights[i];
    if ((bits[start + (i >> 3)] & (0x80 >> (i & 7))) !== 0) set += weights[i];
  }
  return 2 * set - all;
}

/**
 * A table that gives refine scores by one look-up a byte: entry (byte position × 256 + byte) is that byte's
 * share of the score. Shape (dimensions / 8, 256); exact integers.
 */
export function refineTable(weights: Int16Array, out?: Int32Array): Int32Array {
  const bytes = weights.length >> 3;
  const table = out ?? new Int32Array(bytes * 256);
  for (let position = 0; position < bytes; position++) {
    const base = position * 256;
    let none = 0;
    for (let i = 0; i < 8; i++) none -= weights[position * 8 + i];
    table[base] = none;
    // Each value is a smaller one plus its lowest bit.
    for (let value = 1; value < 256; value++) {
      const low = value & -value;
      table[base + value] = table[base + value - low] + 2 * weights[position * 8 + 7 - Math.log2(low)];
    }
  }
  return table;
}
