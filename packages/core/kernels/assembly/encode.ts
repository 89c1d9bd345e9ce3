import { bitsRow } from './bits';
import { int16Copy, int4Copy, int8Copy, NOTHING } from './copies';
import { int8Row } from './int8';
import { normalizeRow } from './normalize';
import { CALIBRATED, INT4, INT8, NONE, Plan } from './plan';
import { rotateRow } from './rotation';
import { scalarsRow } from './scalars';
import { largest, squared, sumRow } from './sums';

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

// Codes of rows of unit vectors as the plan says; x is used as scratch. Returns how many values of a calibrated copy
// lay outside their range.
export function encode(x: usize, rows: usize, plan: Plan): i32 {
  const n = <usize>plan.n;
  const size = n << 2;
  const mean = plan.mean;
  let outside: i32 = 0;
  for (let row: usize = 0; row < rows; row++) {
    const y = x + row * size;
    const copy = plan.copies + row * plan.copyBytes;
    if (plan.copy == CALIBRATED) outside += int8Row(y, copy, n, plan.lo, plan.step);
    if (mean != 0) {
      for (let i: usize = 0; i < size; i += 16) {
        v128.store(y + i, f32x4.sub(v128.load(y + i), v128.load(mean + i)));
      }
    }
    if (plan.signs != 0) rotateRow(y, n, plan.signs, plan.block, plan.rotationScale);
    bitsRow(y, plan.bits + row * (n >> 3), n);
    if (plan.scalars == 0) continue;
    sumRow(y, n);
    scalarsRow(plan.scalars + (row << 1), plan.fScale, plan.rScale);
    if (plan.copy == CALIBRATED || plan.copy == NONE) continue;
    const tail = copy + plan.copyBytes - 8;
    let scale: f32 = 0;
    if (largest < NOTHING) memory.fill(copy, 0, plan.copyBytes - 8);
    else if (plan.copy == INT8) scale = int8Copy(y, copy, n);
    else if (plan.copy == INT4) scale = int4Copy(y, copy, n);
    else scale = int16Copy(y, copy, n);
    store<f32>(tail, scale);
    store<f32>(tail, <f32>(squared / 2), 4);
  }
  return outside;
}
