import type { Id } from '../codec/types.ts';

/**
 * nDCG@k of one query: Σ relevance / log2(rank + 1) over the first k, divided by that of the ideal order
 * (Järvelin and Kekäläinen 2002, with linear gains as trec_eval and BEIR compute it).
 *
 * @param ranking documents, best first
 * @param relevance of the judged documents; all others count 0
 */
export function ndcgAtK(ranking: readonly Id[], relevance: ReadonlyMap<Id, number>, k: number): number {
  const ideal = [...relevance.values()].filter((gain) => gain > 0).sort((a, b) => b - a);
  const best = discounted(ideal.slice(0, k));
  return best === 0
    ? 0
    : discounted(ranking.slice(0, k).map((id) => Math.max(0, relevance.get(id) ?? 0))) / best;
}

function discounted(gains: readonly number[]): number {
  return gains.reduce((sum, gain, place) => sum + gain / Math.log2(place + 2), 0);
}
