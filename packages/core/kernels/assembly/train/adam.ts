import { add } from './texts';

// Adam (Kingma and Ba 2015) on the rows of the tokens that a batch holds; the moments of other rows stay, as in
// PyTorch's SparseAdam. Tokens from ≤ u < to of `tokens` are one thread's. Occurrence o of token u, starts[u] ≤ o <
// starts[u + 1], is in text texts[o], and shares that text's derivative d with the text's other tokens.
export function adam(
  table: usize, first: usize, second: usize, n: usize,
  tokens: usize, starts: usize, texts: usize, lengths: usize, d: usize,
  from: usize, to: usize,
  rate: f32, beta1: f32, beta2: f32, epsilon: f32, gradient: usize,
): void {
  const size = n << 2;
  for (let u = from; u < to; u++) {
    memory.fill(gradient, 0, size);
    const end = <usize>load<i32>(starts + (u << 2) + 4);
    for (let o = <usize>load<i32>(starts + (u << 2)); o < end; o++) {
      const text = <usize>load<i32>(texts + (o << 2));
      add(gradient, d + text * size, size, <f32>1 / <f32>load<i32>(lengths + (text << 2)));
    }
    const row = <usize>load<i32>(tokens + (u << 2)) * size;
    update(table + row, first + row, second + row, gradient, size, rate, beta1, beta2, epsilon);
  }
}

// One step on `bytes` / 4 values. `rate` and `epsilon` hold the bias corrections.
export function update(
  values: usize, first: usize, second: usize, gradient: usize, bytes: usize,
  rate: f32, beta1: f32, beta2: f32, epsilon: f32,
): void {
  const b1 = f32x4.splat(beta1);
  const c1 = f32x4.splat(1 - beta1);
  const b2 = f32x4.splat(beta2);
  const c2 = f32x4.splat(1 - beta2);
  const e = f32x4.splat(epsilon);
  const r = f32x4.splat(rate);
  for (let i: usize = 0; i < bytes; i += 16) {
    const g = v128.load(gradient + i);
    const m = f32x4.add(f32x4.mul(b1, v128.load(first + i)), f32x4.mul(c1, g));
    const v = f32x4.add(f32x4.mul(b2, v128.load(second + i)), f32x4.mul(c2, f32x4.mul(g, g)));
    v128.store(first + i, m);
    v128.store(second + i, v);
    const step = f32x4.div(f32x4.mul(r, m), f32x4.add(f32x4.sqrt(v), e));
    v128.store(values + i, f32x4.sub(v128.load(values + i), step));
  }
}
