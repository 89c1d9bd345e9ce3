import { addon } from '@nestbit/faiss-adapter/addon';

/** Exact hits of float search by faiss's IndexFlatIP, asked one query at a time on one thread. */
export interface ExactHits {
  /** Row numbers of the k best, a list a query. */
  readonly hits: Set<number>[];
  /** Milliseconds, a query. */
  readonly times: number[];
}

/** An index of float vectors: 4 × rows × dimensions bytes. */
export class ExactIndex {
  readonly #index: InstanceType<ReturnType<typeof addon>['yardsticks']['ExactFloat']>;

  constructor(dimensions: number) {
    this.#index = new (addon().yardsticks.ExactFloat)(dimensions);
  }

  add(vectors: Float32Array): void {
    this.#index.add(vectors);
  }

  search(queries: readonly Float32Array[], k: number): ExactHits {
    const hits: Set<number>[] = [];
    const times: number[] = [];
    for (const query of queries) {
      const { seconds, rows } = this.#index.search(query, k);
      hits.push(new Set(rows));
      times.push(seconds * 1000);
    }
    return { hits, times };
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
