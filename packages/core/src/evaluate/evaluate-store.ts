import { rowsOf } from '../codec/shape.ts';
import type { Id } from '../codec/types.ts';
import { NestbitError, throwIfAborted } from '../errors.ts';
import type { SearchCandidates } from '../memory/memory-store.ts';
import { recallAtK } from '../metrics/recall.ts';
import type { SearchOptions, Store } from '../store/store.ts';
import { type Evaluation, plansOf, type StageRecall } from './evaluate.ts';
import { ExactSearch } from './exact-search.ts';

/** A store, and what its stages hand on where it tells. */
export interface EvaluatedStore extends Store {
  candidates?(queries: Float32Array, options: SearchOptions): Promise<SearchCandidates[]>;
}

export interface EvaluateStoreOptions {
  readonly store: EvaluatedStore;
  /** The documents that are stored, in batches of rows × inputDimensions; ids default to row numbers. Read once. */
  readonly docs: AsyncIterable<{ readonly vectors: Float32Array; readonly ids?: readonly Id[] | undefined }>;
  /** rows × inputDimensions */
  readonly queries: Float32Array;
  /** Default 10. */
  readonly k?: number;
  /** Values of `oversample` to try. Default 20. */
  readonly oversample?: readonly number[];
  /** Values of `prefilter` to try. Default: for each oversample its own, 8 × k × oversample. */
  readonly prefilter?: readonly number[];
  readonly signal?: AbortSignal;
  /** Called with the searches done, of so many. */
  readonly onSearch?: (done: number, total: number) => void;
}

/**
 * Measures a store as it answers now, its index included: recall@k of each stage against exact cosine search over
 * the full-width embeddings of its documents. Memory: the queries, and the ids where they are no row numbers.
 *
 * @throws NestbitError as `Store.search`; `BATCH_EMPTY`; `DATASET_INVALID` when the store holds other ids
 */
export async function evaluateStore(options: EvaluateStoreOptions): Promise<Evaluation> {
  const { store, queries, signal } = options;
  const k = options.k ?? 10;
  const plans = plansOf(k, options.oversample ?? [20], options.prefilter);
  const count = rowsOf(queries, store.codec.inputDimensions);
  const truth = await exactIds(options, k);
  const results: StageRecall[] = [];
  const measured = new Set<string>();
  const add = (result: Omit<StageRecall, 'recall'>, found: readonly (readonly Id[])[]): void => {
    const key = JSON.stringify(result);
    if (measured.has(key)) return;
    measured.add(key);
    const sum = found.reduce((total, ids, query) => total + recallAtK(ids, truth[query], k), 0);
    results.push({ ...result, recall: sum / count } as StageRecall);
  };
  for (const [done, plan] of plans.entries()) {
    const { prefilter, rescored: candidates } = plan;
    const shape = { prefilter, candidates };
    const asked = { k, oversample: candidates / k, prefilter, ...(signal === undefined ? {} : { signal }) };
    if (store.candidates !== undefined) {
      const stages = await store.candidates(queries, asked);
      add(
        { stage: 'hamming', candidates: prefilter },
        stages.map(({ hamming }) => hamming),
      );
      add(
        { stage: 'refine', ...shape },
        stages.map(({ refined }) => refined),
      );
    }
    const hits = await store.search(queries, asked);
    add(
      { stage: 'rescore', ...shape },
      hits.map((list) => list.map(({ id }) => id)),
    );
    options.onSearch?.(done + 1, plans.length);
  }
  return { k, queries: count, results };
}

// The ids of the exact top k of each query, and behind them what ties with the k-th.
async function exactIds({ store, docs, queries, signal }: EvaluateStoreOptions, k: number): Promise<Id[][]> {
  const exact = new ExactSearch(queries, store.codec.inputDimensions, k);
  const ids: (readonly Id[] | undefined)[] = [];
  const starts: number[] = [];
  let rows = 0;
  for await (const batch of docs) {
    throwIfAborted(signal);
    exact.add(rows, batch.vectors);
    starts.push(rows);
    ids.push(batch.ids);
    rows += rowsOf(batch.vectors, store.codec.inputDimensions);
  }
  if (rows === 0)
    throw new NestbitError('BATCH_EMPTY', 'There is no document to search; give at least one row.');
  const idOf = (row: number): Id => {
    let batch = 0;
    for (let high = starts.length; batch + 1 < high; ) {
      const middle = (batch + high) >> 1;
      if (starts[middle] <= row) batch = middle;
      else high = middle;
    }
    return ids[batch]?.[row - starts[batch]] ?? BigInt(row);
  };
  const truth = exact.hits().map((hits) => Array.from(hits.rows, idOf));
  const wanted = truth.flat().slice(0, 1000);
  if ((await store.get(wanted)).every((row) => row === undefined)) {
    throw new NestbitError(
      'DATASET_INVALID',
      `The store holds none of the exact hits (such as ${String(wanted[0])}): give the documents that were stored, ` +
        'with the ids under which they were.',
    );
  }
  return truth;
}
