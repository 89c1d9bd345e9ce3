// Sums over one row, left by `sumRow`. Each in four partial sums by index % 4.
export let squared: f64 = 0;
export let absolute: f64 = 0;
export let largest: f32 = 0;

// @ts-ignore: decorator
@inline
function total(even: v128, odd: v128): f64 {
  const sums = f64x2.add(even, odd);
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}

// Σ y², Σ |y| and max |y| of n values.
// @ts-ignore: decorator
@inline
export function sumRow(y: usize, n: usize): void {
  let evenSquares = f64x2.splat(0);
  let oddSquares = evenSquares;
  let evenSizes = evenSquares;
  let oddSizes = evenSquares;
  let most = f32x4.splat(0);
  const end = y + (n << 2);
  for (let p = y; p < end; p += 16) {
    const size = f32x4.abs(v128.load(p));
    most = f32x4.pmax(most, size);
    const low = f64x2.promote_low_f32x4(size);
    const high = f64x2.promote_low_f32x4(v128.shuffle<f64>(size, size, 1, 0));
    evenSquares = f64x2.add(evenSquares, f64x2.mul(low, low));
    oddSquares = f64x2.add(oddSquares, f64x2.mul(high, high));
    evenSizes = f64x2.add(evenSizes, low);
    oddSizes = f64x2.add(oddSizes, high);
  }
  squared = total(evenSquares, oddSquares);
  absolute = total(evenSizes, oddSizes);
  largest = max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
}
