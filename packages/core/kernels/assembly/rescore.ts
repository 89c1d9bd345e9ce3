// Dot products of rows of int8 codes, `stride` bytes apart, with weights (n float64 values, n % 8 == 0), one float64 a
// row. The weights are such that all sums are exact, so the order of additions is free.
export function rescore(codes: usize, rows: usize, n: usize, stride: usize, weights: usize, out: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    let at = codes + row * stride;
    let a = f64x2.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let w = weights;
    for (const end = at + n; at < end; at += 8) {
      const words = v128.load8x8_s(at);
      const low = i32x4.extend_low_i16x8_s(words);
      const high = i32x4.extend_high_i16x8_s(words);
      a = f64x2.add(a, f64x2.mul(f64x2.convert_low_i32x4_s(low), v128.load(w)));
      b = f64x2.add(b, f64x2.mul(f64x2.convert_low_i32x4_s(v128.shuffle<i64>(low, low, 1, 0)), v128.load(w, 16)));
      c = f64x2.add(c, f64x2.mul(f64x2.convert_low_i32x4_s(high), v128.load(w, 32)));
      d = f64x2.add(d, f64x2.mul(f64x2.convert_low_i32x4_s(v128.shuffle<i64>(high, high, 1, 0)), v128.load(w, 48)));
      w += 64;
    }
    const sums = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
    store<f64>(out + (row << 3), f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1));
  }
}

// int4 codes of rows, `stride` bytes apart, as int8: rows × n.
export function expandInt4(codes: usize, rows: usize, n: usize, stride: usize, out: usize): void {
  const half = n >> 1;
  for (let row: usize = 0; row < rows; row++) {
    const from = codes + row * stride;
    const to = out + row * n;
    for (let i: usize = 0; i < half; i++) {
      const pair = <i32>load<u8>(from + i);
      store<i8>(to + i, <i8>(2 * (pair & 15) - 15));
      store<i8>(to + half + i, <i8>(2 * (pair >> 4) - 15));
    }
  }
}
