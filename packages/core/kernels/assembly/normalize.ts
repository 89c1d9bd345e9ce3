export const OK: i32 = 0;
export const ZERO: i32 = 1;
export const NOT_FINITE: i32 = 2;

// Scales a row to length 1 in place. The sum of squares is in float64, four partial sums by index % 4.
// @ts-ignore: decorator
@inline
export function normalizeRow(x: usize, n: usize): i32 {
  let even = f64x2.splat(0);
  let odd = f64x2.splat(0);
  const end = x + (n << 2);
  for (let p = x; p < end; p += 16) {
    const v = v128.load(p);
    const low = f64x2.promote_low_f32x4(v);
    const high = f64x2.promote_low_f32x4(v128.shuffle<f64>(v, v, 1, 0));
    even = f64x2.add(even, f64x2.mul(low, low));
    odd = f64x2.add(odd, f64x2.mul(high, high));
  }
  const sums = f64x2.add(even, odd);
  const sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  if (!isFinite(sum)) return NOT_FINITE;
  if (sum == 0) return ZERO;
  // A unit vector stays as it is, so that truncating twice changes nothing.
  if (abs(sum - 1) < 1e-6) return OK;
  const norm = sqrt(sum);
  let scale: f32 = 1;
  if (norm < 1e-30) scale = <f32>1.2676506002282294e30; // 2^100
  if (norm > 1e30) scale = <f32>5.421010862427522e-20; // 2^-64
  const divisor = f32x4.splat(<f32>(norm * <f64>scale));
  if (scale == 1) {
    for (let p = x; p < end; p += 16) v128.store(p, f32x4.div(v128.load(p), divisor));
  } else {
    const scales = f32x4.splat(scale);
    for (let p = x; p < end; p += 16) v128.store(p, f32x4.div(f32x4.mul(v128.load(p), scales), divisor));
  }
  return OK;
}
