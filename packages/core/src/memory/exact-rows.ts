import { throwIfAborted } from '../errors.ts';
import { type ExactHits, ExactSearch } from '../evaluate/exact-search.ts';
import type { Turns } from '../store/turns.ts';

/** Multiplications between two glances at the clock: about a millisecond. */
const CHUNK = 1 << 21;

/**
 * Exact search over kept embeddings, in slices.
 *
 * @param floats rows × dimensions
 * @param places the rows that count, ascending; or how many, from the first
 * @param queries truncated, rows × dimensions
 */
export async function exactRows(
  floats: Float32Array,
  places: Uint32Array | number,
  queries: Float32Array,
  dimensions: number,
  k: number,
  turns: Turns,
  signal: AbortSignal | undefined,
): Promise<ExactHits[]> {
  const search = new ExactSearch(queries, dimensions, k);
  const most = Math.max(1, Math.floor(CHUNK / queries.length));
  const total = typeof places === 'number' ? places : places.length;
  for (let i = 0; i < total; ) {
    throwIfAborted(signal);
    if (turns.due) await turns.give(signal);
    const first = typeof places === 'number' ? i : places[i];
    let rows = 1;
    // Neighbours go together, as far as there is no gap.
    while (
      rows < most &&
      i + rows < total &&
      (typeof places === 'number' || places[i + rows] === first + rows)
    )
      rows++;
    search.add(first, floats.subarray(first * dimensions, (first + rows) * dimensions));
    i += rows;
  }
  return search.hits();
}
