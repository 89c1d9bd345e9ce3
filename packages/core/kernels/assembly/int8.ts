// floor((x - lo) / step), clamped to 0 … 255, as an integer in the low byte of each 32-bit lane.
// Adding 2^23 leaves the integer in the low bits of the mantissa.
// @ts-ignore: decorator
@inline
function quotient(x: usize, lo: usize, step: usize): v128 {
  return f32x4.floor(f32x4.div(f32x4.sub(v128.load(x), v128.load(lo)), v128.load(step)));
}

// @ts-ignore: decorator
@inline
function clamp(q: v128): v128 {
  return f32x4.pmin(f32x4.pmax(q, f32x4.splat(0)), f32x4.splat(255));
}

// @ts-ignore: decorator
@inline
function integer(q: v128): v128 {
  return v128.and(f32x4.add(q, f32x4.splat(8388608)), i32x4.splat(0xff));
}

// Quantizes one row of n values to n codes; returns how many values lay outside their range.
// @ts-ignore: decorator
@inline
export function int8Row(x: usize, out: usize, n: usize, lo: usize, step: usize): i32 {
  let outside = i32x4.splat(0);
  for (let i: usize = 0; i < n; i += 8) {
    const byte = i << 2;
    const q0 = quotient(x + byte, lo + byte, step + byte);
    const q1 = quotient(x + byte + 16, lo + byte + 16, step + byte + 16);
    const c0 = clamp(q0);
    const c1 = clamp(q1);
    outside = i32x4.sub(i32x4.sub(outside, f32x4.ne(q0, c0)), f32x4.ne(q1, c1));
    const words = i16x8.narrow_i32x4_s(integer(c0), integer(c1));
    const bytes = v128.xor(i8x16.narrow_i16x8_u(words, words), i8x16.splat(-128));
    v128.store64_lane(out + i, bytes, 0);
  }
  return (
    i32x4.extract_lane(outside, 0) +
    i32x4.extract_lane(outside, 1) +
    i32x4.extract_lane(outside, 2) +
    i32x4.extract_lane(outside, 3)
  );
}
