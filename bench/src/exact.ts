import { addon } from '@nestbit/faiss-adapter/addon';
import { median } from './support.ts';

/** Queries asked one at a time for the time of one. */
const ALONE = 20;

/** Exact hits of float search by faiss's IndexFlatIP on one thread. */
export interface ExactHits {
  /** Row numbers of the k best, a list a query. */
  readonly hits: Set<number>[];
  /** Milliseconds of a query that is asked alone: the median. */
  readonly time: number;
}

/** An index of float vectors: 4 × rows × dimensions bytes. */
export class ExactIndex {
  readonly #index: InstanceType<ReturnType<typeof addon>['yardsticks']['ExactFloat']>;
  readonly #dimensions: number;

  constructor(dimensions: number) {
    this.#index = new (addon().yardsticks.ExactFloat)(dimensions);
    this.#dimensions = dimensions;
  }

  add(vectors: Float32Array): void {
    this.#index.add(vectors);
  }

  /** @param queries (queries, dimensions), row-major */
  search(queries: Float32Array, k: number): ExactHits {
    const count = queries.length / this.#dimensions;
    const query = (i: number) => queries.subarray(i * this.#dimensions, (i + 1) * this.#dimensions);
    const times = Array.from(
      { length: Math.min(ALONE, count) },
      (_, i) => this.#index.search(query(i), k).seconds * 1000,
    );
    const { rows } = this.#index.search(queries, k);
    const hits = Array.from({ length: count }, (_, i) => new Set(rows.subarray(i * k, (i + 1) * k)));
    return { hits, time: median(times) };
  }

  /** Lets go of the vectors. */
  reset(): void {
    this.#index.reset();
  }
}

/** The share of the exact hits that were found, over all queries. */
export function recallOf(exact: readonly Set<number>[], found: readonly (readonly number[])[]): number {
  let common = 0;
  let wanted = 0;
  for (const [query, rows] of exact.entries()) {
    wanted += rows.size;
    for (const row of found[query] ?? []) if (rows.has(row)) common++;
  }
  return common / wanted;
}
