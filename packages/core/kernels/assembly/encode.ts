import { bitsRow } from './bits';
import { int8Row } from './int8';
import { normalizeRow } from './normalize';
import { rotateRow } from './rotation';

// Normalizes rows in place. Returns 0, or (bad row << 2) | reason for the first row that cannot be.
export function truncate(x: usize, rows: usize, n: usize): i32 {
  for (let row: usize = 0; row < rows; row++) {
    const reason = normalizeRow(x + ((row * n) << 2), n);
    if (reason != 0) return <i32>(row << 2) | reason;
  }
  return 0;
}

// Rotates rows in place.
export function rotateRows(x: usize, rows: usize, n: usize, signs: usize, p: usize, scale: f32): void {
  for (let row: usize = 0; row < rows; row++) rotateRow(x + ((row * n) << 2), n, signs, p, scale);
}

// Codes of rows of unit vectors; x is used as scratch. mean = 0: not centred; signs = 0: not rotated.
// Returns how many values lay outside their int8 range.
export function encode(
  x: usize, rows: usize, n: usize, bits: usize, int8: usize,
  lo: usize, step: usize, mean: usize, signs: usize, p: usize, scale: f32,
): i32 {
  let outside: i32 = 0;
  for (let row: usize = 0; row < rows; row++) {
    const values = x + ((row * n) << 2);
    outside += int8Row(values, int8 + row * n, n, lo, step);
    if (mean != 0) {
      for (let i: usize = 0; i < n << 2; i += 16) {
        v128.store(values + i, f32x4.sub(v128.load(values + i), v128.load(mean + i)));
      }
    }
    if (signs != 0) rotateRow(values, n, signs, p, scale);
    bitsRow(values, bits + row * (n >> 3), n);
  }
  return outside;
}
