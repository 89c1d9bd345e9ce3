// In-place Walsh-Hadamard transform of p values (a power of two, at least 8), times scale.
function transform(x: usize, p: usize, scale: f32): void {
  const end = x + (p << 2);
  const flipOdd = i32x4(0, i32.MIN_VALUE, 0, i32.MIN_VALUE);
  const flipHigh = i32x4(0, 0, i32.MIN_VALUE, i32.MIN_VALUE);
  for (let a = x; a < end; a += 16) {
    let v = v128.load(a);
    v = f32x4.add(v128.shuffle<f32>(v, v, 0, 0, 2, 2), v128.xor(v128.shuffle<f32>(v, v, 1, 1, 3, 3), flipOdd));
    v = f32x4.add(v128.shuffle<f32>(v, v, 0, 1, 0, 1), v128.xor(v128.shuffle<f32>(v, v, 2, 3, 2, 3), flipHigh));
    v128.store(a, v);
  }
  let h: usize = 16; // distance of a butterfly's two sides, in bytes
  const bytes = p << 2;
  // Two stages in one pass over the row, each sum rounded as the plain stages round it.
  for (; h << 1 < bytes; h <<= 2) {
    for (let block = x; block < end; block += h << 2) {
      for (let a = block; a < block + h; a += 16) {
        const v0 = v128.load(a);
        const v1 = v128.load(a + h);
        const v2 = v128.load(a + 2 * h);
        const v3 = v128.load(a + 3 * h);
        const s0 = f32x4.add(v0, v1);
        const d0 = f32x4.sub(v0, v1);
        const s1 = f32x4.add(v2, v3);
        const d1 = f32x4.sub(v2, v3);
        v128.store(a, f32x4.add(s0, s1));
        v128.store(a + h, f32x4.add(d0, d1));
        v128.store(a + 2 * h, f32x4.sub(s0, s1));
        v128.store(a + 3 * h, f32x4.sub(d0, d1));
      }
    }
  }
  if (h < bytes) {
    for (let a = x; a < x + h; a += 16) {
      const v0 = v128.load(a);
      const v1 = v128.load(a + h);
      v128.store(a, f32x4.add(v0, v1));
      v128.store(a + h, f32x4.sub(v0, v1));
    }
  }
  const scales = f32x4.splat(scale);
  for (let a = x; a < end; a += 16) v128.store(a, f32x4.mul(v128.load(a), scales));
}

// Two rounds of random signs (as ±1 in float32: 2 × n values) and the transform of the first p, then of
// the last p values; p is the largest power of two that is at most n.
export function rotateRow(x: usize, n: usize, signs: usize, p: usize, scale: f32): void {
  for (let round: usize = 0; round < 2; round++) {
    const flips = signs + ((round * n) << 2);
    for (let i: usize = 0; i < n << 2; i += 16) {
      v128.store(x + i, f32x4.mul(v128.load(x + i), v128.load(flips + i)));
    }
    transform(x, p, scale);
    if (p < n) transform(x + ((n - p) << 2), p, scale);
  }
}
