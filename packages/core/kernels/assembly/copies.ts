import { largest, squared, total } from './sums';

// Copies of one centred and rotated row of n values, whose sums `sumRow` has left. Each returns the row's scale, which
// makes the product of the row with its copy that of the row with itself; products are summed as `sumRow` sums.

// A row this close to the mean has no direction to keep; its inverse would not be finite.
export const NOTHING: f32 = 1e-30;

// Adding this rounds to the nearest integer, halves to the even one, and leaves it in the low bits of the mantissa.
const MAGIC: f32 = 12582912;

export function int8Copy(y: usize, out: usize, n: usize): f32 {
  const inverse = f32x4.splat(<f32>127 / largest);
  const magic = f32x4.splat(MAGIC);
  const low = i32x4.splat(0xff);
  let products0 = f32x4.splat(0);
  let products1 = products0;
  for (let i: usize = 0; i < n; i += 8) {
    const p = y + (i << 2);
    const v0 = v128.load(p);
    const v1 = v128.load(p, 16);
    const c0 = f32x4.add(f32x4.mul(v0, inverse), magic);
    const c1 = f32x4.add(f32x4.mul(v1, inverse), magic);
    products0 = f32x4.add(products0, f32x4.mul(v0, f32x4.sub(c0, magic)));
    products1 = f32x4.add(products1, f32x4.mul(v1, f32x4.sub(c1, magic)));
    const words = i16x8.narrow_i32x4_s(v128.and(c0, low), v128.and(c1, low));
    v128.store64_lane(out + i, i8x16.narrow_i16x8_u(words, words), 0);
  }
  return <f32>(squared / total(products0, products1));
}

const INT16_LARGEST: i32 = 32639;

// A plane of high bytes, then one of low bytes, both signed.
export function int16Copy(y: usize, out: usize, n: usize): f32 {
  const inverse = f32x4.splat(<f32>INT16_LARGEST / largest);
  const magic = f32x4.splat(MAGIC);
  const most = f32x4.splat(<f32>INT16_LARGEST);
  const least = f32x4.splat(-(<f32>INT16_LARGEST));
  const half = i32x4.splat(128);
  const low = i32x4.splat(0xff);
  let products0 = f32x4.splat(0);
  let products1 = products0;
  for (let i: usize = 0; i < n; i += 8) {
    const p = y + (i << 2);
    const v0 = v128.load(p);
    const v1 = v128.load(p, 16);
    let c0 = f32x4.sub(f32x4.add(f32x4.mul(v0, inverse), magic), magic);
    let c1 = f32x4.sub(f32x4.add(f32x4.mul(v1, inverse), magic), magic);
    c0 = f32x4.pmin(f32x4.pmax(c0, least), most);
    c1 = f32x4.pmin(f32x4.pmax(c1, least), most);
    products0 = f32x4.add(products0, f32x4.mul(v0, c0));
    products1 = f32x4.add(products1, f32x4.mul(v1, c1));
    // In the sum with the magic number the low bits are the integer.
    const i0 = i32x4.add(f32x4.add(c0, magic), half);
    const i1 = i32x4.add(f32x4.add(c1, magic), half);
    const highs = i16x8.narrow_i32x4_s(
      v128.and(i32x4.shr_u(i0, 8), low),
      v128.and(i32x4.shr_u(i1, 8), low),
    );
    const lows = i16x8.narrow_i32x4_s(v128.and(i32x4.sub(i0, half), low), v128.and(i32x4.sub(i1, half), low));
    v128.store64_lane(out + i, i8x16.narrow_i16x8_u(highs, highs), 0);
    v128.store64_lane(out + n + i, i8x16.narrow_i16x8_u(lows, lows), 0);
  }
  return <f32>(squared / total(products0, products1));
}

// @ts-ignore: decorator
@inline
function nibbles(v: v128, inverse: v128): v128 {
  const level = f32x4.add(f32x4.floor(f32x4.mul(v, inverse)), f32x4.splat(8));
  return f32x4.pmin(f32x4.pmax(level, f32x4.splat(0)), f32x4.splat(15));
}

// Sixteen levels, the odd integers -15 … 15; dimension j in the low half of byte j, j + n / 2 in the high one. The
// halves are made side by side, so the products go into sums of their own; n / 2 is a multiple of 4.
export function int4Copy(y: usize, out: usize, n: usize): f32 {
  const deviation = sqrt(squared / <f64>n);
  const far = <f64>largest > 5 * deviation;
  const step = far ? <f64>largest / 8 : 0.3352 * deviation;
  const inverse = f32x4.splat(<f32>(1 / step));
  const two = f32x4.splat(2);
  const fifteen = f32x4.splat(15);
  const magic = f32x4.splat(MAGIC);
  const half = n >> 1;
  let products0 = f32x4.splat(0);
  let products1 = products0;
  for (let i: usize = 0; i < half; i += 4) {
    const v0 = v128.load(y + (i << 2));
    const v1 = v128.load(y + ((half + i) << 2));
    const n0 = nibbles(v0, inverse);
    const n1 = nibbles(v1, inverse);
    products0 = f32x4.add(products0, f32x4.mul(v0, f32x4.sub(f32x4.mul(n0, two), fifteen)));
    products1 = f32x4.add(products1, f32x4.mul(v1, f32x4.sub(f32x4.mul(n1, two), fifteen)));
    const pairs = v128.and(
      f32x4.add(f32x4.add(n0, f32x4.mul(n1, f32x4.splat(16))), magic),
      i32x4.splat(0xff),
    );
    const words = i16x8.narrow_i32x4_s(pairs, pairs);
    v128.store32_lane(out + i, i8x16.narrow_i16x8_u(words, words), 0);
  }
  return <f32>(squared / total(products0, products1));
}
