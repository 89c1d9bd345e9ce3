import type { PreparedQuery } from './types.ts';

/** A float query in 16-bit fixed point: its largest value becomes ± 32767. Shape (dimensions). */
export function bitWeights(query: Float32Array): { readonly weights: Int16Array; readonly unit: number } {
  let largest = 0;
  for (let i = 0; i < query.length; i++) largest = Math.max(largest, Math.abs(query[i]));
  const weights = new Int16Array(query.length);
  if (largest === 0) return { weights, unit: 1 };
  for (let i = 0; i < query.length; i++) weights[i] = Math.round((query[i] * 32767) / largest);
  return { weights, unit: largest / 32767 };
}

/**
 * The sum of a float query over stored bits: Σ w_i (2 b_i − 1). Integer weights make every sum exact, so all stores
 * order alike.
 *
 * @param bits packed rows, dimensions / 8 bytes each
 */
export function signSum(weights: Int16Array, bits: Uint8Array, row: number): number {
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
 * The bit score of a row: `f ⟨R(q − μ), s⟩ − r² / 2`, in units of the query's `bitScale`, where s is ±1 by the row's
 * bits. The first term is RaBitQ's unbiased estimate of `⟨R(q − μ), y⟩` (Gao and Long, SIGMOD 2024); the second is
 * what rows of length 1 differ in along the mean. An exact integer. Codecs of versions 1 and 2 have no scalars and
 * order by the sum alone.
 *
 * @param bits packed rows
 * @param scalars codes of f and r of each row, 2 × rows
 * @param factors the codec's `bitFactors`
 */
export function bitScore(
  query: PreparedQuery,
  factors: Float64Array | undefined,
  bits: Uint8Array,
  scalars: Uint8Array,
  row: number,
): number {
  const sum = signSum(query.bitWeights, bits, row);
  if (factors === undefined || query.bitOffsets === undefined) return sum;
  return factors[scalars[2 * row]] * sum - query.bitOffsets[scalars[2 * row + 1]];
}

/**
 * A table that gives sign sums by one look-up a byte: entry (byte position × 256 + byte) is that byte's share of
 * the sum. Shape (dimensions / 8, 256); exact integers.
 */
export function signSumTable(weights: Int16Array, out?: Int32Array): Int32Array {
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
