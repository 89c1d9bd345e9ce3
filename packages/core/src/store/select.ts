/**
 * The `count` smallest of integer distances, in order of distance, then of row: the rows of a counting sort.
 *
 * @param distances one a row
 * @param rows the rows that count, ascending; absent: all
 */
export function nearest(distances: Uint16Array, count: number, rows?: Uint32Array): Uint32Array {
  const total = rows?.length ?? distances.length;
  const found = Math.min(count, total);
  const starts = new Uint32Array(65_537);
  let largest = 0;
  for (let i = 0; i < total; i++) {
    const distance = distances[rows === undefined ? i : rows[i]];
    starts[distance + 1]++;
    if (distance > largest) largest = distance;
  }
  let last = 0;
  for (; last < largest && starts[last] + starts[last + 1] < found; last++) starts[last + 1] += starts[last];
  const out = new Uint32Array(found);
  for (let i = 0, done = 0; i < total && done < found; i++) {
    const row = rows === undefined ? i : rows[i];
    const distance = distances[row];
    if (distance > last) continue;
    const place = starts[distance]++;
    if (place < found) {
      out[place] = row;
      done++;
    }
  }
  return out;
}

/** The `count` best of some candidates by score, best first; ties by row, ascending. */
export function best(
  candidates: Uint32Array,
  scores: Float64Array,
  count: number,
): { rows: Uint32Array; scores: Float64Array } {
  // A native sort of the bare scores gives the bar; only what reaches it is put in order.
  const bar = count < scores.length ? scores.slice().sort()[scores.length - count] : Number.NEGATIVE_INFINITY;
  const order: number[] = [];
  for (let i = 0; i < scores.length; i++) if (scores[i] >= bar) order.push(i);
  order.sort((a, b) => scores[b] - scores[a] || candidates[a] - candidates[b]);
  const kept = Uint32Array.from(order.slice(0, count));
  return { rows: kept.map((i) => candidates[i]), scores: Float64Array.from(kept, (i) => scores[i]) };
}
