// Folds rows of unit vectors into the calibration: minimum and maximum (float32), sum (int64, in units of
// 2^-32). Adding 1.5 × 2^20 to a float64 rounds it to a multiple of 2^-32, and its bits then count them:
// integer sums do not depend on the order of the rows.
export function accumulate(x: usize, rows: usize, n: usize, lo: usize, hi: usize, sum: usize): void {
  const magic = f64x2.splat(1572864.0);
  for (let row: usize = 0; row < rows; row++) {
    const values = x + ((row * n) << 2);
    for (let i: usize = 0; i < n << 2; i += 16) {
      const v = v128.load(values + i);
      v128.store(lo + i, f32x4.pmin(v128.load(lo + i), v));
      v128.store(hi + i, f32x4.pmax(v128.load(hi + i), v));
      const low = f64x2.add(f64x2.promote_low_f32x4(v), magic);
      const high = f64x2.add(f64x2.promote_low_f32x4(v128.shuffle<f64>(v, v, 1, 0)), magic);
      const at = sum + (i << 1);
      v128.store(at, i64x2.add(v128.load(at), i64x2.sub(low, magic)));
      v128.store(at + 16, i64x2.add(v128.load(at + 16), i64x2.sub(high, magic)));
    }
  }
}
