// The stages of the values in one vector.
// @ts-ignore: decorator
@inline
function stagesWithin(v: v128): v128 {
  v = f32x4.add(
    v128.shuffle<f32>(v, v, 0, 0, 2, 2),
    v128.xor(v128.shuffle<f32>(v, v, 1, 1, 3, 3), i32x4(0, i32.MIN_VALUE, 0, i32.MIN_VALUE)),
  );
  return f32x4.add(
    v128.shuffle<f32>(v, v, 0, 1, 0, 1),
    v128.xor(v128.shuffle<f32>(v, v, 2, 3, 2, 3), i32x4(0, 0, i32.MIN_VALUE, i32.MIN_VALUE)),
  );
}

// @ts-ignore: decorator
@inline
function load(a: usize, within: bool): v128 {
  return within ? stagesWithin(v128.load(a)) : v128.load(a);
}

// The stages of two, four or eight vectors h bytes apart, in registers, then times scales; of the eight, first those
// within each.
// @ts-ignore: decorator
@inline
function stages1(a: usize, h: usize, scales: v128): void {
  const v0 = v128.load(a);
  const v1 = v128.load(a + h);
  v128.store(a, f32x4.mul(f32x4.add(v0, v1), scales));
  v128.store(a + h, f32x4.mul(f32x4.sub(v0, v1), scales));
}

// @ts-ignore: decorator
@inline
function stages2(a: usize, h: usize, scales: v128): void {
  const v0 = v128.load(a);
  const v1 = v128.load(a + h);
  const v2 = v128.load(a + 2 * h);
  const v3 = v128.load(a + 3 * h);
  const s0 = f32x4.add(v0, v1);
  const d0 = f32x4.sub(v0, v1);
  const s1 = f32x4.add(v2, v3);
  const d1 = f32x4.sub(v2, v3);
  v128.store(a, f32x4.mul(f32x4.add(s0, s1), scales));
  v128.store(a + h, f32x4.mul(f32x4.add(d0, d1), scales));
  v128.store(a + 2 * h, f32x4.mul(f32x4.sub(s0, s1), scales));
  v128.store(a + 3 * h, f32x4.mul(f32x4.sub(d0, d1), scales));
}

// @ts-ignore: decorator
@inline
function stages3(a: usize, h: usize, scales: v128, within: bool): void {
  const v0 = load(a, within);
  const v1 = load(a + h, within);
  const v2 = load(a + 2 * h, within);
  const v3 = load(a + 3 * h, within);
  const s0 = f32x4.add(v0, v1);
  const d0 = f32x4.sub(v0, v1);
  const s1 = f32x4.add(v2, v3);
  const d1 = f32x4.sub(v2, v3);
  const e0 = f32x4.add(s0, s1);
  const e1 = f32x4.add(d0, d1);
  const e2 = f32x4.sub(s0, s1);
  const e3 = f32x4.sub(d0, d1);
  const b = a + 4 * h;
  const v4 = load(b, within);
  const v5 = load(b + h, within);
  const v6 = load(b + 2 * h, within);
  const v7 = load(b + 3 * h, within);
  const s2 = f32x4.add(v4, v5);
  const d2 = f32x4.sub(v4, v5);
  const s3 = f32x4.add(v6, v7);
  const d3 = f32x4.sub(v6, v7);
  const e4 = f32x4.add(s2, s3);
  const e5 = f32x4.add(d2, d3);
  const e6 = f32x4.sub(s2, s3);
  const e7 = f32x4.sub(d2, d3);
  v128.store(a, f32x4.mul(f32x4.add(e0, e4), scales));
  v128.store(a + h, f32x4.mul(f32x4.add(e1, e5), scales));
  v128.store(a + 2 * h, f32x4.mul(f32x4.add(e2, e6), scales));
  v128.store(a + 3 * h, f32x4.mul(f32x4.add(e3, e7), scales));
  v128.store(b, f32x4.mul(f32x4.sub(e0, e4), scales));
  v128.store(b + h, f32x4.mul(f32x4.sub(e1, e5), scales));
  v128.store(b + 2 * h, f32x4.mul(f32x4.sub(e2, e6), scales));
  v128.store(b + 3 * h, f32x4.mul(f32x4.sub(e3, e7), scales));
}

// In-place Walsh-Hadamard transform of p values (a power of two, at least 8), times scale. As many stages in one pass
// over the row as the registers hold, each sum rounded as the plain stages round it; times 1 changes nothing.
function transform(x: usize, p: usize, scale: f32): void {
  const bytes = p << 2;
  const end = x + bytes;
  const one = f32x4.splat(1);
  const scaled = f32x4.splat(scale);
  // Distance of a butterfly's two sides.
  let h: usize = 16;
  if (bytes < 128) {
    for (let a = x; a < end; a += 16) v128.store(a, stagesWithin(v128.load(a)));
  } else {
    const scales = bytes == 128 ? scaled : one;
    for (let a = x; a < end; a += 128) stages3(a, 16, scales, true);
    h = 128;
  }
  for (; h << 2 < bytes; h <<= 3) {
    const scales = h << 3 == bytes ? scaled : one;
    for (let block = x; block < end; block += h << 3) {
      for (let a = block; a < block + h; a += 16) stages3(a, h, scales, false);
    }
  }
  if (h << 1 < bytes) for (let a = x; a < x + h; a += 16) stages2(a, h, scaled);
  else if (h < bytes) for (let a = x; a < x + h; a += 16) stages1(a, h, scaled);
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
