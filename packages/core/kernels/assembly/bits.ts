// Packs x > 0 of n values (n % 8 == 0) into n / 8 bytes, most significant bit first.
// @ts-ignore: decorator
@inline
export function bitsRow(x: usize, out: usize, n: usize): void {
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < n; i += 8) {
    const p = x + (i << 2);
    const words = i16x8.narrow_i32x4_s(f32x4.gt(v128.load(p), zero), f32x4.gt(v128.load(p + 16), zero));
    store<u8>(out + (i >> 3), i16x8.bitmask(v128.shuffle<i16>(words, words, 7, 6, 5, 4, 3, 2, 1, 0)));
  }
}
