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
  // Only what reaches the bar is put in order.
  const bar = count < scores.length ? largest(scores.slice(), count) : Number.NEGATIVE_INFINITY;
  const order: number[] = [];
  for (let i = 0; i < scores.length; i++) if (scores[i] >= bar) order.push(i);
  order.sort((a, b) => scores[b] - scores[a] || candidates[a] - candidates[b]);
  const kept = Uint32Array.from(order.slice(0, count));
  return { rows: kept.map((i) => candidates[i]), scores: Float64Array.from(kept, (i) => scores[i]) };
}

// The count-th largest value: Hoare's selection, which reorders the values. NaN does not occur in scores.
function largest(values: Float64Array, count: number): number {
  const wanted = count - 1;
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >>> 1];
    let i = low - 1;
    let j = high + 1;
    for (;;) {
      do i++;
      while (values[i] > pivot);
      do j--;
      while (values[j] < pivot);
      if (i >= j) break;
      const swapped = values[i];
      values[i] = values[j];
      values[j] = swapped;
    }
    if (wanted <= j) high = j;
    else low = j + 1;
  }
  return values[wanted];
}
