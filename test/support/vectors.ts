/** Seeded float32 values, normal by the sum of uniforms, of different size by dimension: rows × dimensions. */
export function randomVectors(rows: number, dimensions: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  const next = (): number => {
    // mulberry32 (Tommy Ettinger, public domain): enough for test data.
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float32Array.from({ length: rows * dimensions }, (_, at) => {
    const i = at % dimensions;
    return (next() + next() + next() + next() - 2) * (1 + 2 / (1 + (i % 17))) + 0.2 * Math.sin(i);
  });
}

/** Whether two typed arrays hold the same bytes; far quicker than a deep comparison. */
export function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const bytes = (view: ArrayBufferView): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return bytes(a).equals(bytes(b));
}
