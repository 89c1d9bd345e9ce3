/** Seeded packed bits around `clusters` centres, each bit flipped with probability 1 / 8: rows × bytes. */
export function clusteredBits(rows: number, bytes: number, clusters = 32, seed = 1): Uint8Array {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  // xorshift32 (Marsaglia 2003)
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  // A fixed seed: codes and queries of other seeds lie around the same centres.
  const codes = new Uint8Array(rows * bytes);
  const centres = Uint8Array.from(
    { length: clusters * bytes },
    (_, i) => Math.imul(i + 7, 0x9e3779b1) >>> 24,
  );
  for (let row = 0; row < rows; row++) {
    const centre = (next() % clusters) * bytes;
    for (let i = 0; i < bytes; i++) {
      const noise = next();
      codes[row * bytes + i] = centres[centre + i] ^ (noise & (noise >>> 8) & (noise >>> 16) & 0xff);
    }
  }
  return codes;
}

/** Differing bits of two rows. */
export function hamming(a: Uint8Array, b: Uint8Array): number {
  let distance = 0;
  for (let i = 0; i < a.length; i++) {
    for (let x = a[i] ^ b[i]; x !== 0; x &= x - 1) distance++;
  }
  return distance;
}

export interface Nearest {
  readonly distances: number[];
  readonly rows: number[];
}

/** The k nearest rows by comparing with all of them; of equal ones the first. */
export function naiveNearest(codes: Uint8Array, query: Uint8Array, k: number): Nearest {
  const all = Array.from({ length: codes.length / query.length }, (_, row) => ({
    row,
    distance: hamming(query, codes.subarray(row * query.length, (row + 1) * query.length)),
  }));
  all.sort((a, b) => a.distance - b.distance || a.row - b.row);
  const nearest = all.slice(0, k);
  return { distances: nearest.map(({ distance }) => distance), rows: nearest.map(({ row }) => row) };
}

/** One query of many. */
export function rowOf(matrix: Uint8Array, bytes: number, row: number): Uint8Array {
  return matrix.subarray(row * bytes, (row + 1) * bytes);
}
