// The stages of the values in one vector; each sum as the plain stages have it, since a - b is b's negative plus a.
// @ts-ignore: decorator
@inline
function stagesWithin(v: v128): v128 {
  v = f32x4.add(
    v128.shuffle<f32>(v, v, 1, 0, 3, 2),
    v128.xor(v, i32x4(0, i32.MIN_VALUE, 0, i32.MIN_VALUE)),
  );
  return f32x4.add(
    v128.shuffle<f32>(v, v, 2, 3, 0, 1),
    v128.xor(v, i32x4(0, 0, i32.MIN_VALUE, i32.MIN_VALUE)),
  );
}

// What a first pass does with a vector before its stages: nothing, the stages within it, or these after the signs.
const PLAIN: i32 = 0;
const WITHIN: i32 = 1;
const FLIPPED: i32 = 2;

// `flips` is how far the signs are from the values.
// @ts-ignore: decorator
@inline
function load(a: usize, first: i32, flips: usize): v128 {
  let v = v128.load(a);
  if (first == FLIPPED) v = f32x4.mul(v, v128.load(a + flips));
  return first == PLAIN ? v : stagesWithin(v);
}

// @ts-ignore: decorator
@inline
function put(a: usize, v: v128, scaled: bool, scales: v128): void {
  v128.store(a, scaled ? f32x4.mul(v, scales) : v);
}

// The stages of two, four or eight vectors h bytes apart, in registers; the last ones of all are scaled.
// @ts-ignore: decorator
@inline
function stages1(a: usize, h: usize, scales: v128): void {
  const v0 = v128.load(a);
  const v1 = v128.load(a + h);
  put(a, f32x4.add(v0, v1), true, scales);
  put(a + h, f32x4.sub(v0, v1), true, scales);
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
  put(a, f32x4.add(s0, s1), true, scales);
  put(a + h, f32x4.add(d0, d1), true, scales);
  put(a + 2 * h, f32x4.sub(s0, s1), true, scales);
  put(a + 3 * h, f32x4.sub(d0, d1), true, scales);
}

// @ts-ignore: decorator
@inline
function stages3(a: usize, h: usize, scaled: bool, scales: v128, first: i32, flips: usize): void {
  const v0 = load(a, first, flips);
  const v1 = load(a + h, first, flips);
  const v2 = load(a + 2 * h, first, flips);
  const v3 = load(a + 3 * h, first, flips);
  const s0 = f32x4.add(v0, v1);
  const d0 = f32x4.sub(v0, v1);
  const s1 = f32x4.add(v2, v3);
  const d1 = f32x4.sub(v2, v3);
  const e0 = f32x4.add(s0, s1);
  const e1 = f32x4.add(d0, d1);
  const e2 = f32x4.sub(s0, s1);
  const e3 = f32x4.sub(d0, d1);
  const b = a + 4 * h;
  const v4 = load(b, first, flips);
  const v5 = load(b + h, first, flips);
  const v6 = load(b + 2 * h, first, flips);
  const v7 = load(b + 3 * h, first, flips);
  const s2 = f32x4.add(v4, v5);
  const d2 = f32x4.sub(v4, v5);
  const s3 = f32x4.add(v6, v7);
  const d3 = f32x4.sub(v6, v7);
  const e4 = f32x4.add(s2, s3);
  const e5 = f32x4.add(d2, d3);
  const e6 = f32x4.sub(s2, s3);
  const e7 = f32x4.sub(d2, d3);
  put(a, f32x4.add(e0, e4), scaled, scales);
  put(a + h, f32x4.add(e1, e5), scaled, scales);
  put(a + 2 * h, f32x4.add(e2, e6), scaled, scales);
  put(a + 3 * h, f32x4.add(e3, e7), scaled, scales);
  put(b, f32x4.sub(e0, e4), scaled, scales);
  put(b + h, f32x4.sub(e1, e5), scaled, scales);
  put(b + 2 * h, f32x4.sub(e2, e6), scaled, scales);
  put(b + 3 * h, f32x4.sub(e3, e7), scaled, scales);
}

// @ts-ignore: decorator
@inline
function pass3(x: usize, end: usize, h: usize, scaled: bool, scales: v128): void {
  for (let block = x; block < end; block += h << 3) {
    for (let a = block; a < block + h; a += 16) stages3(a, h, scaled, scales, PLAIN, 0);
  }
}

// In-place Walsh-Hadamard transform of p values (a power of two, at least 8), times scale; `first` may have the signs
// before it. As many stages in one pass over the row as the registers hold, each sum rounded as the plain stages
// round it.
// @ts-ignore: decorator
@inline
function transform(x: usize, p: usize, scale: f32, first: i32, flips: usize): void {
  const bytes = p << 2;
  const end = x + bytes;
  const scales = f32x4.splat(scale);
  // Distance of a butterfly's two sides.
  let h: usize = 16;
  if (bytes < 128) {
    for (let a = x; a < end; a += 16) v128.store(a, load(a, first, flips));
  } else {
    if (bytes == 128) stages3(x, 16, true, scales, first, flips);
    else for (let a = x; a < end; a += 128) stages3(a, 16, false, scales, first, flips);
    h = 128;
  }
  for (; h << 2 < bytes; h <<= 3) {
    if (h << 3 == bytes) pass3(x, end, h, true, scales);
    else pass3(x, end, h, false, scales);
  }
  if (h << 1 < bytes) for (let a = x; a < x + h; a += 16) stages2(a, h, scales);
  else if (h < bytes) for (let a = x; a < x + h; a += 16) stages1(a, h, scales);
}

// Two rounds of random signs (as ±1 in float32: 2 × n values) and the transform of the first p, then of
// the last p values; p is the largest power of two that is at most n.
export function rotateRow(x: usize, n: usize, signs: usize, p: usize, scale: f32): void {
  for (let round: usize = 0; round < 2; round++) {
    const flips = signs + ((round * n) << 2) - x;
    for (let a = x + (p << 2); a < x + (n << 2); a += 16) {
      v128.store(a, f32x4.mul(v128.load(a), v128.load(a + flips)));
    }
    transform(x, p, scale, FLIPPED, flips);
    if (p < n) transform(x + ((n - p) << 2), p, scale, WITHIN, 0);
  }
}
