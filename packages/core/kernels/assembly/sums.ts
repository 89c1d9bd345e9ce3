// Sums over one row, left by `sumRow`. Each in eight partial sums, float32, by index % 8.
export let squared: f64 = 0;
export let absolute: f64 = 0;
export let largest: f32 = 0;

// Adds up eight partial sums.
// @ts-ignore: decorator
@inline
export function total(a: v128, b: v128): f64 {
  const sums = f32x4.add(a, b);
  const low = f64x2.promote_low_f32x4(sums);
  const high = f64x2.promote_low_f32x4(v128.shuffle<f64>(sums, sums, 1, 0));
  const pairs = f64x2.add(low, high);
  return f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1);
}

// Σ y², Σ |y| and max |y| of n values.
// @ts-ignore: decorator
@inline
export function sumRow(y: usize, n: usize): void {
  let squares0 = f32x4.splat(0);
  let squares1 = squares0;
  let sizes0 = squares0;
  let sizes1 = squares0;
  let most0 = squares0;
  let most1 = squares0;
  const end = y + (n << 2);
  for (let p = y; p < end; p += 32) {
    const a = f32x4.abs(v128.load(p));
    const b = f32x4.abs(v128.load(p, 16));
    squares0 = f32x4.add(squares0, f32x4.mul(a, a));
    squares1 = f32x4.add(squares1, f32x4.mul(b, b));
    sizes0 = f32x4.add(sizes0, a);
    sizes1 = f32x4.add(sizes1, b);
    most0 = f32x4.pmax(most0, a);
    most1 = f32x4.pmax(most1, b);
  }
  squared = total(squares0, squares1);
  absolute = total(sizes0, sizes1);
  const most = f32x4.pmax(most0, most1);
  largest = max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
}
