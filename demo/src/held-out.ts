const QUERIES = 200;

/** Embeddings in two parts: evenly spread rows that only ask, and the others, which are stored. */
export function heldOut(
  embeddings: Float32Array,
  width: number,
): { docs: Float32Array; queries: Float32Array } {
  const total = embeddings.length / width;
  const count = Math.min(QUERIES, Math.floor(total / 10));
  const asking = new Set(Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * total) / count)));
  const rows = Array.from({ length: total }, (_, row) => row).filter((row) => !asking.has(row));
  return { docs: gather(embeddings, width, rows), queries: gather(embeddings, width, [...asking]) };
}

function gather(embeddings: Float32Array, width: number, rows: readonly number[]): Float32Array {
  const out = new Float32Array(rows.length * width);
  for (const [at, row] of rows.entries())
    out.set(embeddings.subarray(row * width, (row + 1) * width), at * width);
  return out;
}
