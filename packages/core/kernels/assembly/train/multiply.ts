// Columns of a tile: two vectors of four float32.
const TILE: usize = 8;

// out[r][c] = Σ_t x[r * xRow + t * xStep] · y[t * yRow + c] for rows from ≤ r < to and all columns (a multiple of
// 8); strides in values. Every sum runs over t in order in one accumulator, so the result does not depend on how
// rows are dealt out to threads. `pack` holds depth × 8 values.
export function multiply(
  x: usize, xRow: usize, xStep: usize,
  y: usize, yRow: usize,
  out: usize, outRow: usize,
  from: usize, to: usize, columns: usize, depth: usize,
  pack: usize,
): void {
  const step = xStep << 2;
  const row = xRow << 2;
  for (let c: usize = 0; c < columns; c += TILE) {
    packTile(y + (c << 2), yRow << 2, depth, pack);
    let r = from;
    for (; r + 4 <= to; r += 4) {
      let x0 = x + r * row;
      let x1 = x0 + row;
      let x2 = x1 + row;
      let x3 = x2 + row;
      let a0 = f32x4.splat(0);
      let b0 = a0;
      let a1 = a0;
      let b1 = a0;
      let a2 = a0;
      let b2 = a0;
      let a3 = a0;
      let b3 = a0;
      const end = pack + depth * 32;
      for (let p = pack; p < end; p += 32) {
        const left = v128.load(p);
        const right = v128.load(p, 16);
        let v = v128.load32_splat(x0);
        a0 = f32x4.add(a0, f32x4.mul(v, left));
        b0 = f32x4.add(b0, f32x4.mul(v, right));
        v = v128.load32_splat(x1);
        a1 = f32x4.add(a1, f32x4.mul(v, left));
        b1 = f32x4.add(b1, f32x4.mul(v, right));
        v = v128.load32_splat(x2);
        a2 = f32x4.add(a2, f32x4.mul(v, left));
        b2 = f32x4.add(b2, f32x4.mul(v, right));
        v = v128.load32_splat(x3);
        a3 = f32x4.add(a3, f32x4.mul(v, left));
        b3 = f32x4.add(b3, f32x4.mul(v, right));
        x0 += step;
        x1 += step;
        x2 += step;
        x3 += step;
      }
      const at = out + ((r * outRow + c) << 2);
      const next = outRow << 2;
      v128.store(at, a0);
      v128.store(at + 16, b0);
      v128.store(at + next, a1);
      v128.store(at + next + 16, b1);
      v128.store(at + 2 * next, a2);
      v128.store(at + 2 * next + 16, b2);
      v128.store(at + 3 * next, a3);
      v128.store(at + 3 * next + 16, b3);
    }
    for (; r < to; r++) {
      let x0 = x + r * row;
      let a = f32x4.splat(0);
      let b = a;
      const end = pack + depth * 32;
      for (let p = pack; p < end; p += 32) {
        const v = v128.load32_splat(x0);
        a = f32x4.add(a, f32x4.mul(v, v128.load(p)));
        b = f32x4.add(b, f32x4.mul(v, v128.load(p, 16)));
        x0 += step;
      }
      const at = out + ((r * outRow + c) << 2);
      v128.store(at, a);
      v128.store(at + 16, b);
    }
  }
}

// A tile's columns side by side, so that the loop over rows reads the first-level cache.
function packTile(y: usize, yRow: usize, depth: usize, pack: usize): void {
  for (let t: usize = 0; t < depth; t++) {
    v128.store(pack, v128.load(y));
    v128.store(pack + 16, v128.load(y + 16));
    y += yRow;
    pack += 32;
  }
}
