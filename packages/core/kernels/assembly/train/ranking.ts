import { exp } from './exp';

// The ranking loss of a batch of `count` pairs (a multiple of 8), all prefixes in one pass. Matrices are prefixes ×
// count × count, row i an anchor, column k a positive. Rows, or columns, from ≤ … < to are one thread's.

// The products of a tile are summed over the dimensions once; wherever a prefix ends, the sums so far are its
// cosines but for the lengths: cos = sum · inverseA · inverseB, ex = e^(scale (cos - 1)).
export function similarity(
  a: usize, bTransposed: usize, count: usize, from: usize, to: usize, n: usize,
  dims: usize, prefixes: usize, inverseA: usize, inverseB: usize, factor: f32,
  cos: usize, ex: usize, rowSums: usize, diagonal: usize,
): void {
  const line = count << 2;
  const square = count * line;
  const factors = f32x4.splat(factor);
  for (let i = from; i < to; i += 4) {
    for (let k: usize = 0; k < line; k += 32) {
      let a0 = f32x4.splat(0);
      let b0 = a0;
      let a1 = a0;
      let b1 = a0;
      let a2 = a0;
      let b2 = a0;
      let a3 = a0;
      let b3 = a0;
      let x = a + ((i * n) << 2);
      let y = bTransposed + k;
      const row = n << 2;
      let done: usize = 0;
      for (let p: usize = 0; p < prefixes; p++) {
        const end = <usize>load<i32>(dims + (p << 2));
        for (; done < end; done++) {
          const left = v128.load(y);
          const right = v128.load(y, 16);
          let v = v128.load32_splat(x);
          a0 = f32x4.add(a0, f32x4.mul(v, left));
          b0 = f32x4.add(b0, f32x4.mul(v, right));
          v = v128.load32_splat(x + row);
          a1 = f32x4.add(a1, f32x4.mul(v, left));
          b1 = f32x4.add(b1, f32x4.mul(v, right));
          v = v128.load32_splat(x + 2 * row);
          a2 = f32x4.add(a2, f32x4.mul(v, left));
          b2 = f32x4.add(b2, f32x4.mul(v, right));
          v = v128.load32_splat(x + 3 * row);
          a3 = f32x4.add(a3, f32x4.mul(v, left));
          b3 = f32x4.add(b3, f32x4.mul(v, right));
          x += 4;
          y += line;
        }
        const inverse = inverseA + p * line + (i << 2);
        const across = inverseB + p * line + k;
        const at = p * square + i * line + k;
        cosines(a0, b0, v128.load32_splat(inverse), across, factors, cos + at, ex + at);
        cosines(a1, b1, v128.load32_splat(inverse + 4), across, factors, cos + at + line, ex + at + line);
        cosines(a2, b2, v128.load32_splat(inverse + 8), across, factors, cos + at + 2 * line, ex + at + 2 * line);
        cosines(a3, b3, v128.load32_splat(inverse + 12), across, factors, cos + at + 3 * line, ex + at + 3 * line);
      }
    }
    for (let p: usize = 0; p < prefixes; p++) {
      for (let r = i; r < i + 4; r++) {
        const at = p * square + r * line;
        store<f32>(rowSums + p * line + (r << 2), lineSum(ex + at, line));
        store<f32>(diagonal + p * line + (r << 2), load<f32>(cos + at + (r << 2)));
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function cosines(left: v128, right: v128, inverse: v128, across: usize, factor: v128, cos: usize, ex: usize): void {
  const one = f32x4.splat(1);
  const l = f32x4.mul(f32x4.mul(left, inverse), v128.load(across));
  const r = f32x4.mul(f32x4.mul(right, inverse), v128.load(across, 16));
  v128.store(cos, l);
  v128.store(cos, r, 16);
  v128.store(ex, exp(f32x4.mul(factor, f32x4.sub(l, one))));
  v128.store(ex, exp(f32x4.mul(factor, f32x4.sub(r, one))), 16);
}

// @ts-ignore: decorator
@inline
function lineSum(at: usize, bytes: usize): f32 {
  let s = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) s = f32x4.add(s, v128.load(at + i));
  return (
    f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1) + (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3))
  );
}

// sums[p * count + k] = Σ_i matrix[p][i][k] for columns from ≤ k < to, multiples of 4.
export function columnSums(matrix: usize, count: usize, from: usize, to: usize, prefixes: usize, sums: usize): void {
  const line = count << 2;
  for (let p: usize = 0; p < prefixes; p++) {
    for (let k = from << 2; k < to << 2; k += 16) {
      let at = matrix + p * count * line + k;
      let s = f32x4.splat(0);
      for (let i: usize = 0; i < count; i++) {
        s = f32x4.add(s, v128.load(at));
        at += line;
      }
      v128.store(sums + p * line + k, s);
    }
  }
}

// G = weight (ex / rowSum + ex / columnSum - 2 [i = k]) is the loss's derivative by the cosines. In place: ex becomes
// H_p = Σ_{q ≥ p} inverseA_q inverseB_q G_q, which is what the rows of block p are multiplied with, cos becomes
// G · cos, and rowDots its sums by row, which take the part along the row itself off again.
export function derivative(
  cos: usize, ex: usize, count: usize, from: usize, to: usize, prefixes: usize, weights: usize,
  rowSums: usize, sums: usize, inverseA: usize, inverseB: usize, rowDots: usize,
): void {
  const line = count << 2;
  const square = count * line;
  for (let i = from; i < to; i++) {
    for (let p = prefixes; p-- > 0; ) {
      const own = p * line + (i << 2);
      const weight = load<f32>(weights + (p << 2));
      const w = f32x4.splat(weight);
      const byRow = f32x4.splat(weight / load<f32>(rowSums + own));
      const inverse = v128.load32_splat(inverseA + own);
      const c = cos + p * square + i * line;
      const e = ex + p * square + i * line;
      const wider = e + square;
      const last = p == prefixes - 1;
      const self = (i << 2) & ~15;
      let dot = f32x4.splat(0);
      for (let k: usize = 0; k < line; k += 16) {
        const value = v128.load(e + k);
        let g = f32x4.add(f32x4.mul(value, byRow), f32x4.div(f32x4.mul(value, w), v128.load(sums + p * line + k)));
        if (k == self) g = f32x4.sub(g, twice(weight, i & 3));
        const gc = f32x4.mul(g, v128.load(c + k));
        dot = f32x4.add(dot, gc);
        v128.store(c + k, gc);
        let h = f32x4.mul(f32x4.mul(g, inverse), v128.load(inverseB + p * line + k));
        if (!last) h = f32x4.add(h, v128.load(wider + k));
        v128.store(e + k, h);
      }
      store<f32>(
        rowDots + own,
        f32x4.extract_lane(dot, 0) + f32x4.extract_lane(dot, 1) + (f32x4.extract_lane(dot, 2) + f32x4.extract_lane(dot, 3)),
      );
    }
  }
}

// @ts-ignore: decorator
@inline
function twice(weight: f32, lane: usize): v128 {
  const lanes = i32x4(0, 1, 2, 3);
  return v128.and(i32x4.eq(lanes, i32x4.splat(<i32>lane)), f32x4.splat(2 * weight));
}

// d[i][block p] -= x[i][block p] · Σ_{q ≥ p} inverse_q² dots_q for rows from ≤ i < to: normalizing keeps the length, so
// nothing flows along the row itself.
export function project(
  d: usize, x: usize, count: usize, from: usize, to: usize, n: usize,
  dims: usize, prefixes: usize, inverse: usize, dots: usize,
): void {
  for (let i = from; i < to; i++) {
    let factor: f32 = 0;
    const row = (i * n) << 2;
    for (let p = prefixes; p-- > 0; ) {
      const own = ((p * count + i) << 2);
      const scale = load<f32>(inverse + own);
      factor += scale * scale * load<f32>(dots + own);
      const f = f32x4.splat(factor);
      const start = p == 0 ? 0 : <usize>load<i32>(dims + (p << 2) - 4) << 2;
      const end = <usize>load<i32>(dims + (p << 2)) << 2;
      for (let at = row + start; at < row + end; at += 16) {
        v128.store(d + at, f32x4.sub(v128.load(d + at), f32x4.mul(f, v128.load(x + at))));
      }
    }
  }
}
