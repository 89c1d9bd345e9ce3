import { largest, squared } from './sums';

// Copies of one centred and rotated row of n values, whose sums `sumRow` has left. Each returns the row's scale, which
// makes the product of the row with its copy that of the row with itself; products are summed by index % 4.

// A row this close to the mean has no direction to keep; its inverse would not be finite.
export const NOTHING: f32 = 1e-30;

// @ts-ignore: decorator
@inline
function scaleOf(product: f64): f32 {
  return <f32>(squared / product);
}

export function int8Copy(y: usize, out: usize, n: usize): f32 {
  const inverse = f32x4.splat(<f32>127 / largest);
  let even = f64x2.splat(0);
  let odd = even;
  for (let i: usize = 0; i < n; i += 8) {
    const p = y + (i << 2);
    const v0 = v128.load(p);
    const v1 = v128.load(p, 16);
    const c0 = f32x4.nearest(f32x4.mul(v0, inverse));
    const c1 = f32x4.nearest(f32x4.mul(v1, inverse));
    even = f64x2.add(even, f64x2.mul(f64x2.promote_low_f32x4(v0), f64x2.promote_low_f32x4(c0)));
    odd = f64x2.add(
      odd,
      f64x2.mul(
        f64x2.promote_low_f32x4(v128.shuffle<f64>(v0, v0, 1, 0)),
        f64x2.promote_low_f32x4(v128.shuffle<f64>(c0, c0, 1, 0)),
      ),
    );
    even = f64x2.add(even, f64x2.mul(f64x2.promote_low_f32x4(v1), f64x2.promote_low_f32x4(c1)));
    odd = f64x2.add(
      odd,
      f64x2.mul(
        f64x2.promote_low_f32x4(v128.shuffle<f64>(v1, v1, 1, 0)),
        f64x2.promote_low_f32x4(v128.shuffle<f64>(c1, c1, 1, 0)),
      ),
    );
    const words = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(c0), i32x4.trunc_sat_f32x4_s(c1));
    v128.store64_lane(out + i, i8x16.narrow_i16x8_s(words, words), 0);
  }
  const sums = f64x2.add(even, odd);
  return scaleOf(f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1));
}

const INT16_LARGEST: i32 = 32639;

// A plane of high bytes, then one of low bytes, both signed.
export function int16Copy(y: usize, out: usize, n: usize): f32 {
  const inverse = <f32>INT16_LARGEST / largest;
  let p0: f64 = 0;
  let p1: f64 = 0;
  let p2: f64 = 0;
  let p3: f64 = 0;
  for (let i: usize = 0; i < n; i++) {
    const value = load<f32>(y + (i << 2));
    const code = min(max(<i32>nearest(value * inverse), -INT16_LARGEST), INT16_LARGEST);
    const product = <f64>value * <f64>code;
    const lane = i & 3;
    if (lane == 0) p0 += product;
    else if (lane == 1) p1 += product;
    else if (lane == 2) p2 += product;
    else p3 += product;
    const high = (code + 128) >> 8;
    store<i8>(out + i, <i8>high);
    store<i8>(out + n + i, <i8>(code - (high << 8)));
  }
  return scaleOf(p0 + p2 + (p1 + p3));
}

// Sixteen levels, the odd integers -15 … 15; dimension j in the low half of byte j, j + n / 2 in the high one.
export function int4Copy(y: usize, out: usize, n: usize): f32 {
  const deviation = sqrt(squared / <f64>n);
  const far = <f64>largest > 5 * deviation;
  const step = far ? <f64>largest / 8 : 0.3352 * deviation;
  const inverse = <f32>(1 / step);
  const half = n >> 1;
  let p0: f64 = 0;
  let p1: f64 = 0;
  let p2: f64 = 0;
  let p3: f64 = 0;
  for (let i: usize = 0; i < n; i++) {
    const value = load<f32>(y + (i << 2));
    const nibble = min(max(<i32>floor(value * inverse) + 8, 0), 15);
    const product = <f64>value * <f64>(2 * nibble - 15);
    const lane = i & 3;
    if (lane == 0) p0 += product;
    else if (lane == 1) p1 += product;
    else if (lane == 2) p2 += product;
    else p3 += product;
    if (i < half) store<u8>(out + i, <u8>nibble);
    else store<u8>(out + i - half, load<u8>(out + i - half) | <u8>(nibble << 4));
  }
  return scaleOf(p0 + p2 + (p1 + p3));
}
