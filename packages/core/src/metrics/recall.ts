import type { Id } from '../codec/types.ts';

/**
 * recall@k of one query, ties counted once: each of the k places counts as found at most once, and a hit that
 * ties with the exact k-th is as good as the one that stands there.
 *
 * @param hits what the search returned, best first
 * @param exact the exact top k, and behind it everything that ties with the k-th
 */
export function recallAtK<T extends Id | number>(hits: ArrayLike<T>, exact: ArrayLike<T>, k: number): number {
  const right = new Set<T>(Array.from(exact));
  const places = Math.min(k, right.size);
  if (places === 0) return 1;
  const found = new Set(Array.from(hits).filter((hit) => right.has(hit))).size;
  return Math.min(found, places) / places;
}
