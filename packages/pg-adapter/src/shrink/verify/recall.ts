import { ExactSearch, recallAtK } from '@nestbit/core';
import type { Following } from '../../follow/following.ts';
import { PgStore } from '../../store/pg-store.ts';
import { type FloatSearch, floatSearch } from './float-search.ts';
import { type Interval, wilson } from './interval.ts';
import type { SampleQueries } from './queries.ts';

/** Searches of one kind over the sample. */
export interface Measured {
  /** Mean over the queries of the share of the exact k nearest that was found. */
  readonly recall: number;
  /**
   * 95 % by Wilson's score with one trial a query, which is wider than the truth where a query finds some of its k: shares
   * of a query vary less than all or nothing.
   */
  readonly interval: Interval;
  /** Milliseconds of one search: the middle, and 95 %. */
  readonly p50: number;
  readonly p95: number;
  readonly queries: number;
}

export interface Recall {
  readonly k: number;
  /** The store's whole search, as it answers now. */
  readonly codes: Measured;
  /** The float column as it is searched in SQL, where pgvector does. */
  readonly floats: (Measured & { readonly index: string | undefined }) | undefined;
}

/** Exact search of the sample over the rows as they pass by; a row is no hit of itself. */
export class ExactHits {
  readonly #search: ExactSearch;
  readonly #ids: (readonly string[])[] = [];
  readonly #starts: number[] = [];
  readonly #queries: SampleQueries;
  readonly #width: number;
  readonly #k: number;
  #rows = 0;

  constructor(queries: SampleQueries, width: number, k: number) {
    this.#queries = queries;
    this.#width = width;
    this.#k = k;
    // One more: the row itself.
    this.#search = new ExactSearch(queries.embeddings, width, k + 1);
  }

  add(ids: readonly string[], embeddings: Float32Array): void {
    if (ids.length === 0) return;
    this.#search.add(this.#rows, embeddings);
    this.#starts.push(this.#rows);
    this.#ids.push(ids);
    this.#rows += embeddings.length / this.#width;
  }

  /** Of each query the ids of the k nearest, and behind them what ties with the k-th. */
  hits(): string[][] {
    return this.#search.hits().map(({ rows, scores }, query) => {
      const own = this.#queries.ids[query];
      const others = Array.from(rows, (row, place) => ({ id: this.#idOf(row), score: scores[place] })).filter(
        ({ id }) => id !== own,
      );
      const last = others[Math.min(this.#k, others.length) - 1]?.score ?? 0;
      return others.filter(({ score }) => score >= last).map(({ id }) => id);
    });
  }

  #idOf(row: number): string {
    let batch = 0;
    for (let high = this.#starts.length; batch + 1 < high; ) {
      const middle = (batch + high) >> 1;
      if (this.#starts[middle] <= row) batch = middle;
      else high = middle;
    }
    return this.#ids[batch][row - this.#starts[batch]];
  }
}

/** Searches without any index are slow: so many tell enough. */
const QUERIES_WITHOUT_INDEX = 5;

/** Recall and time of the store's search, and of the float column's. */
export async function measureRecall(
  context: Following,
  queries: SampleQueries,
  truth: readonly (readonly string[])[],
  k: number,
): Promise<Recall> {
  const store = await PgStore.open(context.pool, { name: context.name, schema: context.schema });
  const width = store.codec.inputDimensions;
  const query = (i: number): Float32Array => queries.embeddings.subarray(i * width, (i + 1) * width);
  const codes = await measure(queries, truth, k, queries.ids.length, async (i) => {
    const [hits] = await store.search(query(i), { k: k + 1 });
    return hits.map(({ id }) => String(id));
  });
  const float: FloatSearch | undefined = await floatSearch(context);
  const floats =
    float &&
    (await measure(
      queries,
      truth,
      k,
      float.index === undefined ? QUERIES_WITHOUT_INDEX : queries.ids.length,
      (i) => float.search(query(i), k + 1),
    ));
  return { k, codes, floats: floats && { ...floats, index: float.index } };
}

async function measure(
  queries: SampleQueries,
  truth: readonly (readonly string[])[],
  k: number,
  count: number,
  search: (query: number) => Promise<string[]>,
): Promise<Measured> {
  const times: number[] = [];
  let sum = 0;
  const all = Math.min(count, queries.ids.length);
  // Once for nothing: the first search opens connections and fills caches.
  if (all > 0) await search(0);
  for (let i = 0; i < all; i++) {
    const begun = performance.now();
    const found = await search(i);
    times.push(performance.now() - begun);
    const others = found.filter((id) => id !== queries.ids[i]).slice(0, k);
    sum += truth[i].length === 0 ? 1 : recallAtK(others, truth[i], Math.min(k, truth[i].length));
  }
  times.sort((a, b) => a - b);
  const recall = all === 0 ? 1 : sum / all;
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0;
  return { recall, interval: wilson(recall, all), p50: at(0.5), p95: at(0.95), queries: all };
}
