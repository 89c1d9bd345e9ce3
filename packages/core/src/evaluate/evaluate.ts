import type { Codec } from '../codec/codec.ts';
import { rowsOf } from '../codec/shape.ts';
import type { PreparedQuery } from '../codec/types.ts';
import { NestbitError, throwIfAborted } from '../errors.ts';
import { HammingScan } from '../memory/hamming-scan.ts';
import { recallAtK } from '../metrics/recall.ts';
import { type SearchPlan, searchPlan } from '../store/search-options.ts';
import { nearest } from '../store/select.ts';
import { refine, rescore } from '../store/two-stage.ts';
import { CodeBuffer } from './code-buffer.ts';
import { type ExactHits, ExactSearch } from './exact-search.ts';

/** What is left of the exact top k after a stage, as the mean over the queries. */
export type StageRecall =
  | { readonly stage: 'hamming'; readonly candidates: number; readonly recall: number }
  | {
      /** `refine`: the share among its candidates; `rescore`: recall@k of the final hits. */
      readonly stage: 'refine' | 'rescore';
      readonly prefilter: number;
      readonly candidates: number;
      readonly recall: number;
    };

export interface Evaluation {
  readonly k: number;
  readonly queries: number;
  readonly results: readonly StageRecall[];
}

export interface EvaluateOptions {
  readonly codec: Codec;
  /** Documents in batches of rows × inputDimensions; read once. */
  readonly docs: AsyncIterable<Float32Array> | Iterable<Float32Array>;
  /** rows × inputDimensions */
  readonly queries: Float32Array;
  /** Default 10. */
  readonly k?: number;
  /** Values of `oversample` to try. Default 20. */
  readonly oversample?: readonly number[];
  /** Values of `prefilter` to try. Default: for each oversample its own, 8 × k × oversample. */
  readonly prefilter?: readonly number[];
  readonly signal?: AbortSignal;
  /** Called with the queries done, while they are searched. */
  readonly onQuery?: (done: number) => void;
}

/**
 * Measures a codec without any store: recall@k of each stage against exact cosine search over the full-width
 * embeddings, so that truncation counts too. Memory: the codes of the documents, and the queries.
 *
 * @throws NestbitError as `Codec.encode`; `SEARCH_LIMIT`, `ABORTED`
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { codec, queries, signal } = options;
  const k = options.k ?? 10;
  const oversample = options.oversample ?? [20];
  const plans = plansOf(k, oversample, options.prefilter);
  rowsOf(queries, codec.inputDimensions);

  const exact = new ExactSearch(queries, codec.inputDimensions, k);
  const codes = new CodeBuffer(codec);
  for await (const batch of options.docs) {
    throwIfAborted(signal);
    const encoded = codec.encode(batch);
    exact.add(codes.rows, batch);
    codes.append(encoded);
  }
  if (codes.rows === 0)
    throw new NestbitError('BATCH_EMPTY', 'There is no document to search; give at least one row.');

  const scan = new HammingScan(codec.dimensions / 8);
  const truth = exact.hits();
  const largest = Math.max(...plans.map((plan) => plan.prefilter));
  const totals = new Map<string, { result: StageRecall; sum: number }>();
  const count = (result: StageRecall, recall: number): void => {
    const key = JSON.stringify(result);
    const total = totals.get(key) ?? { result, sum: 0 };
    total.sum += recall;
    totals.set(key, total);
  };
  const prepared = codec.prepare(queries);
  for (const [index, query] of prepared.entries()) {
    const distances = await scan.distances(query.bits, codes.bits, codes.rows, signal);
    const candidates = nearest(distances, largest);
    stages(codec, query, codes, candidates, truth[index], plans, k, count);
    options.onQuery?.(index + 1);
  }
  const results = [...totals.values()].map(({ result, sum }) => ({
    ...result,
    recall: sum / prepared.length,
  }));
  return { k, queries: prepared.length, results };
}

/** Every oversample with every prefilter, or with its own default. */
export function plansOf(
  k: number,
  oversample: readonly number[],
  prefilter: readonly number[] | undefined,
): SearchPlan[] {
  return (prefilter ?? [undefined]).flatMap((p) =>
    oversample.map((o) => searchPlan({ k, oversample: o, ...(p === undefined ? {} : { prefilter: p }) })),
  );
}

// The candidates are ordered by distance, so those of a smaller prefilter are their first; and of those that
// a refine ranks, the first are what it would keep for a smaller oversample.
function stages(
  codec: Codec,
  query: PreparedQuery,
  codes: CodeBuffer,
  candidates: Uint32Array,
  truth: ExactHits,
  plans: readonly { prefilter: number; rescored: number }[],
  k: number,
  count: (result: StageRecall, recall: number) => void,
): void {
  for (const prefilter of new Set(plans.map((plan) => plan.prefilter))) {
    const near = candidates.subarray(0, prefilter);
    count({ stage: 'hamming', candidates: prefilter, recall: 0 }, recallAtK(near, truth.rows, k));
    // A small prefilter caps several values of oversample to one.
    const kept = new Set(plans.filter((plan) => plan.prefilter === prefilter).map((plan) => plan.rescored));
    const ranked = refine(codec, query, codes, near, Math.max(...kept)).rows;
    for (const rescored of kept) {
      const refined = ranked.subarray(0, rescored);
      const shape = { prefilter, candidates: rescored, recall: 0 };
      count({ stage: 'refine', ...shape }, recallAtK(refined, truth.rows, k));
      const final = rescore(codec, query, codes, refined, k);
      count({ stage: 'rescore', ...shape }, recallAtK(final.rows, truth.rows, k));
    }
  }
}
