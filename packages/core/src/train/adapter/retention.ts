import { CodecKernel } from '../../codec/kernel.ts';
import { cutMap } from '../../codec/map.ts';
import { checkDimensions } from '../../codec/shape.ts';
import { NestbitError } from '../../errors.ts';
import { type ExactHits, ExactSearch } from '../../evaluate/exact-search.ts';
import { recallAtK } from '../../metrics/recall.ts';
import type { EmbeddingPairs } from './linear.ts';
import type { Adapter } from './pca.ts';

/** What a width keeps of the neighbours of the full vectors. */
export interface NeighbourRetention {
  readonly dimensions: number;
  /** Share of the exact top k of the full vectors that is in the top k of their first values. */
  readonly plain: number;
  /** The same of the mapped vectors' first values. */
  readonly mapped: number;
}

/**
 * Compares truncation with and without a map: the share of each query's exact top k neighbours (cosine, full width) that
 * is still among the top k at each width. Give queries that the map was not fitted on.
 *
 * @param docs rows × inputDimensions, all in memory
 * @param queries rows × inputDimensions
 * @param dimensions widths, at most that of the map
 * @param k default 10
 * @throws NestbitError `BATCH_EMPTY` when there are not at least k documents, `DIMENSIONS` for a width that is none;
 * as `Codec.encode`. RangeError for one above that of the map
 */
export function neighbourRetention(
  adapter: Adapter,
  docs: Float32Array,
  queries: Float32Array,
  dimensions: readonly number[],
  k: number = 10,
): NeighbourRetention[] {
  const width = adapter.inputDimensions;
  for (const n of dimensions) checkDimensions(width, n);
  if (docs.length < k * width) {
    throw new NestbitError(
      'BATCH_EMPTY',
      `There are ${docs.length / width} documents; top ${k} neighbours need at least ${k}.`,
    );
  }
  const exact = hits(docs, queries, width, k);
  const kept = (kernel: CodecKernel, n: number): number => {
    const found = hits(kernel.truncate(docs), kernel.truncate(queries), n, k);
    const shared = found.map(({ rows }, query) => recallAtK(rows.subarray(0, k), exact[query].rows, k));
    return shared.reduce((sum, share) => sum + share, 0) / shared.length;
  };
  return dimensions.map((n) => ({
    dimensions: n,
    plain: kept(new CodecKernel(width, n), n),
    mapped: kept(new CodecKernel(width, n, { map: cutMap(adapter.map, width, n) }), n),
  }));
}

/** How well pairs find each other at a width: MRR@10. */
export interface PairRetention {
  readonly dimensions: number;
  readonly plain: number;
  readonly mapped: number;
}

/**
 * The mean over pairs of 1 / rank of an anchor's own positive among all their positives (0 below rank 10), by plain
 * truncation and by the map. Give pairs that the map was not fitted on.
 *
 * @returns first the full width, where `mapped` is the same as `plain`; then each of `dimensions`
 */
export function pairRetention(
  adapter: Adapter,
  { anchors, positives }: EmbeddingPairs,
  dimensions: readonly number[],
): PairRetention[] {
  const width = adapter.inputDimensions;
  const found = (a: Float32Array, b: Float32Array, n: number): number => {
    const ranks = hits(b, a, n, 10).map(({ rows }, own) => rows.indexOf(own) + 1);
    return ranks.reduce((sum, rank) => sum + (rank > 0 && rank <= 10 ? 1 / rank : 0), 0) / ranks.length;
  };
  const by = (kernel: CodecKernel, n: number): number =>
    found(kernel.truncate(anchors), kernel.truncate(positives), n);
  for (const n of dimensions) checkDimensions(width, n);
  const full = found(anchors, positives, width);
  return [
    { dimensions: width, plain: full, mapped: full },
    ...dimensions.map((n) => ({
      dimensions: n,
      plain: by(new CodecKernel(width, n), n),
      mapped: by(new CodecKernel(width, n, { map: cutMap(adapter.map, width, n) }), n),
    })),
  ];
}

function hits(docs: Float32Array, queries: Float32Array, width: number, k: number): ExactHits[] {
  const search = new ExactSearch(queries, width, k);
  search.add(0, docs);
  return search.hits();
}
