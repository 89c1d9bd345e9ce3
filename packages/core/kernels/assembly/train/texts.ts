// A text's embedding is the mean of its tokens' rows: out[t] for texts from ≤ t < to. `starts` (texts + 1, int32)
// says where a text's ids lie.
export function pool(table: usize, ids: usize, starts: usize, from: usize, to: usize, n: usize, out: usize): void {
  const size = n << 2;
  for (let text = from; text < to; text++) {
    const first = <usize>load<i32>(starts + (text << 2));
    const last = <usize>load<i32>(starts + (text << 2) + 4);
    const row = out + text * size;
    memory.fill(row, 0, size);
    for (let at = first; at < last; at++) add(row, table + <usize>load<i32>(ids + (at << 2)) * size, size, 1);
    scale(row, size, <f32>1 / <f32>(last - first));
  }
}

// inverse[p * count + i] = 1 / |first dims[p] values of row i|, 0 for a row without any length.
export function inverseNorms(x: usize, count: usize, from: usize, to: usize, n: usize, dims: usize, prefixes: usize, inverse: usize): void {
  for (let i = from; i < to; i++) {
    let value = x + ((i * n) << 2);
    let sum: f64 = 0;
    let done: usize = 0;
    for (let p: usize = 0; p < prefixes; p++) {
      const end = <usize>load<i32>(dims + (p << 2));
      for (; done < end; done++) {
        const v = <f64>load<f32>(value);
        sum += v * v;
        value += 4;
      }
      store<f32>(inverse + ((p * count + i) << 2), sum > 0 ? <f32>(1 / sqrt(sum)) : 0);
    }
  }
}

// out[d * count + i] = x[i * n + d] for rows from ≤ i < to.
export function transpose(x: usize, count: usize, from: usize, to: usize, n: usize, out: usize): void {
  for (let i = from; i < to; i++) {
    for (let d: usize = 0; d < n; d++) store<f32>(out + ((d * count + i) << 2), load<f32>(x + ((i * n + d) << 2)));
  }
}

// @ts-ignore: decorator
@inline
export function add(target: usize, source: usize, bytes: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(target + i, f32x4.add(v128.load(target + i), f32x4.mul(f, v128.load(source + i))));
  }
}

// @ts-ignore: decorator
@inline
function scale(target: usize, bytes: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  for (let i: usize = 0; i < bytes; i += 16) v128.store(target + i, f32x4.mul(f, v128.load(target + i)));
}
