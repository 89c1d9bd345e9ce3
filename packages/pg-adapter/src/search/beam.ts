/** hnsw.ef_search takes no more. */
export const MAX_BEAM = 1000;
/** A beam no wider than the candidates, or by less than this, misses near ones (`bench:postgres`, by hand beside ours). */
const WIDER_BY = 150;
const WIDER_EACH = 1.3;

/** hnsw.ef_search for so many candidates. */
export function beam(candidates: number): number {
  return Math.min(MAX_BEAM, Math.max(candidates + WIDER_BY, Math.ceil(WIDER_EACH * candidates)));
}

/** The same in SQL. */
export function beamSql(candidates: string): string {
  return `least(${MAX_BEAM}, greatest(${candidates} + ${WIDER_BY}, ceil(${WIDER_EACH} * ${candidates})))::int`;
}
