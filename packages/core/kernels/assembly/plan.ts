// How rows become codes: filled in by src/codec/plan.ts, field by field in this order. Pointers that are 0 stand for
// a step that is left out.
@unmanaged
export class Plan {
  // √n over the unit of f √n, and 1 over the unit of r.
  fScale: f64;
  rScale: f64;
  // Float32 of 1 / √block.
  rotationScale: f32;
  // Dimensions.
  n: i32;
  // The rotation's block: the largest power of two up to n.
  block: i32;
  // One of the kinds below.
  copy: i32;
  // Bytes of one row's copy.
  copyBytes: i32;
  // Shape (n), float32.
  mean: usize;
  // Shape (2, n), float32.
  signs: usize;
  // Of a calibrated copy, shape (n) each, float32.
  lo: usize;
  step: usize;
  // Where the codes go: rows × n / 8, rows × 2, rows × copyBytes.
  bits: usize;
  scalars: usize;
  copies: usize;
}

export const CALIBRATED: i32 = 0;
export const INT8: i32 = 1;
export const INT4: i32 = 2;
export const INT16: i32 = 3;
export const NONE: i32 = 4;
