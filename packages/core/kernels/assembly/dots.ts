// @ts-ignore: decorator
@inline
function sum(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

// Dot products of rows with queries (both n float32 values a row, n % 4 == 0): out is queries × rows.
// Four queries share one read of a row; the order of additions within a product is always the same.
export function dots(x: usize, rows: usize, queries: usize, count: usize, n: usize, out: usize): void {
  const size = n << 2;
  let q: usize = 0;
  for (; q + 4 <= count; q += 4) {
    const a = queries + q * size;
    for (let row: usize = 0; row < rows; row++) {
      const values = x + row * size;
      let s0 = f32x4.splat(0);
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      for (let i: usize = 0; i < size; i += 16) {
        const v = v128.load(values + i);
        s0 = f32x4.add(s0, f32x4.mul(v, v128.load(a + i)));
        s1 = f32x4.add(s1, f32x4.mul(v, v128.load(a + size + i)));
        s2 = f32x4.add(s2, f32x4.mul(v, v128.load(a + 2 * size + i)));
        s3 = f32x4.add(s3, f32x4.mul(v, v128.load(a + 3 * size + i)));
      }
      const at = out + ((q * rows + row) << 2);
      store<f32>(at, sum(s0));
      store<f32>(at + (rows << 2), sum(s1));
      store<f32>(at + (rows << 3), sum(s2));
      store<f32>(at + rows * 12, sum(s3));
    }
  }
  for (; q < count; q++) {
    const a = queries + q * size;
    for (let row: usize = 0; row < rows; row++) {
      const values = x + row * size;
      let s = f32x4.splat(0);
      for (let i: usize = 0; i < size; i += 16) s = f32x4.add(s, f32x4.mul(v128.load(values + i), v128.load(a + i)));
      store<f32>(out + ((q * rows + row) << 2), sum(s));
    }
  }
}
