// Columns of a tile: two vectors of four float32.
const TILE: usize = 8;

// out[r][j] = Σ_i x[r][i] · map[i][j] for rows of `width` values, x stored `stride` values apart; n % 8 == 0. Every
// sum runs over i in order in one accumulator. `tiles` holds the map's columns eight by eight: n / 8 × width × 8.
export function mapRows(x: usize, rows: usize, width: usize, stride: usize, tiles: usize, n: usize, out: usize): void {
  const size = stride << 2;
  const next = n << 2;
  for (let c: usize = 0; c < n; c += TILE) {
    const tile = tiles + ((c * width) << 2);
    const end = tile + width * 32;
    let r: usize = 0;
    // Four rows share one read of a tile.
    for (; r + 4 <= rows; r += 4) {
      let x0 = x + r * size;
      let x1 = x0 + size;
      let x2 = x1 + size;
      let x3 = x2 + size;
      let a0 = f32x4.splat(0);
      let b0 = a0;
      let a1 = a0;
      let b1 = a0;
      let a2 = a0;
      let b2 = a0;
      let a3 = a0;
      let b3 = a0;
      for (let p = tile; p < end; p += 32) {
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
        x0 += 4;
        x1 += 4;
        x2 += 4;
        x3 += 4;
      }
      const at = out + r * next + (c << 2);
      v128.store(at, a0);
      v128.store(at + 16, b0);
      v128.store(at + next, a1);
      v128.store(at + next + 16, b1);
      v128.store(at + 2 * next, a2);
      v128.store(at + 2 * next + 16, b2);
      v128.store(at + 3 * next, a3);
      v128.store(at + 3 * next + 16, b3);
    }
    for (; r < rows; r++) {
      let value = x + r * size;
      let a = f32x4.splat(0);
      let b = a;
      for (let p = tile; p < end; p += 32) {
        const v = v128.load32_splat(value);
        a = f32x4.add(a, f32x4.mul(v, v128.load(p)));
        b = f32x4.add(b, f32x4.mul(v, v128.load(p, 16)));
        value += 4;
      }
      const at = out + r * next + (c << 2);
      v128.store(at, a);
      v128.store(at + 16, b);
    }
  }
}
