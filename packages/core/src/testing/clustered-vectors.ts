/** Seeded unit vectors in clusters, as embeddings are: rows × dimensions. */
export function clusteredVectors(rows: number, dimensions: number, clusters = 256, seed = 1): Float32Array {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const centers = Float32Array.from({ length: clusters * dimensions }, next);
  const out = new Float32Array(rows * dimensions);
  for (let row = 0; row < rows; row++) {
    const center = Math.floor((next() + 0.5) * clusters) * dimensions;
    let sum = 0;
    for (let i = 0; i < dimensions; i++) {
      const value = centers[center + i] + next();
      out[row * dimensions + i] = value;
      sum += value * value;
    }
    const length = Math.sqrt(sum);
    for (let i = 0; i < dimensions; i++) out[row * dimensions + i] /= length;
  }
  return out;
}
