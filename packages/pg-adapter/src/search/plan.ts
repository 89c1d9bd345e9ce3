import { outOfRange, type SearchOptions, type SearchPlan, searchPlan, wrongType } from '@nestbit/core';
import type { IndexState } from '../index-build/index-builder.ts';
import { indexesBits, type Server, scansIteratively } from '../index-build/server.ts';
import { beam, MAX_BEAM } from './beam.ts';

export interface PgSearchOptions extends SearchOptions {
  /** IVFFlat: lists read for a query. More cost time and find more. Default 10. */
  readonly probes?: number;
  /** Scans all bits, whatever index there is. Default false. */
  readonly exact?: boolean;
  /**
   * Attached and followed stores: the best k × floats hits by codes are ordered, and scored, by the embeddings of the
   * table itself, at full width. They are read in the round trip that brings payloads, which costs one more where none
   * are asked for. 1 to 100, such as 3. Default: the codes have the last word.
   */
  readonly floats?: number;
}

/** How a search runs, and why. */
export interface Plan extends SearchPlan {
  /** `exact` scans all bits that pass; the others read an index. */
  readonly kind: 'hnsw' | 'ivfflat' | 'exact';
  readonly why: string;
  /** SQL that the transaction begins with: settings for it alone. */
  readonly settings: string;
  /** Hits by codes that the table's floats order; 0: none. */
  readonly floats: number;
}

/** Rows that an iterative scan may look at for each one wanted, before all are scanned instead. */
const SCANNED_EACH = 100;
const LEAST_SCANNED = 20_000;
/**
 * Through an index, Hamming candidates for each one that is rescored, unless told: fetching bits is dear here, so
 * fewer than the 8 of core, but never fewer than this many, or core's number when that is smaller.
 */
const PREFILTER_EACH = 3;
const LEAST_PREFILTER = 100;
/** Embeddings read for each hit, at most. */
const MOST_FLOATS = 100;

/** Rows that are ordered by floats are candidates and rescored, however few of these were asked for. */
function withFloats(plan: SearchPlan, each: number | undefined): SearchPlan & { readonly floats: number } {
  if (each === undefined) return { ...plan, floats: 0 };
  const floats = Math.ceil(plan.k * each);
  const rescored = Math.max(plan.rescored, floats);
  return { ...plan, floats, rescored, prefilter: Math.max(plan.prefilter, rescored) };
}

/**
 * Chooses. pgvector returns at most `hnsw.ef_search` rows, 40 unless set, and with a filter fewer: so it is set above
 * the candidates, and beyond its limit or under a filter the scan goes on until there are enough (pgvector ≥ 0.8).
 *
 * @throws as core's `searchPlan`
 */
export function planSearch(options: PgSearchOptions, server: Server, index: IndexState | undefined): Plan {
  const { probes = 10, exact = false, floats } = options;
  if (typeof exact !== 'boolean') throw wrongType(`exact must be true or false, got ${typeof exact}`);
  if (!Number.isInteger(probes) || probes < 1 || probes > 32_768)
    throw outOfRange(`probes is ${probes}; it must be a whole number from 1 to 32768`);
  if (floats !== undefined && !(typeof floats === 'number' && floats >= 1 && floats <= MOST_FLOATS))
    throw outOfRange(`floats is ${floats}; it must be a number from 1 to ${MOST_FLOATS}`);
  const plan = withFloats(searchPlan(options), floats);
  const scan = (why: string): Plan => ({ ...plan, kind: 'exact', why, settings: '' });
  if (exact) return scan('asked for');
  if (!indexesBits(server))
    return scan(server.pgvector === undefined ? 'no pgvector' : 'pgvector is older than 0.7');
  if (index === undefined) return scan('no index');
  if (!index.valid) return scan('the index is invalid: build it again');
  const prefilter =
    options.prefilter === undefined
      ? Math.min(plan.prefilter, Math.max(LEAST_PREFILTER, PREFILTER_EACH * plan.rescored))
      : plan.prefilter;
  const more = plan.conditions.length > 0 || (index.kind === 'hnsw' && prefilter > MAX_BEAM);
  if (more && !scansIteratively(server)) {
    return scan(
      `pgvector before 0.8 returns too few rows ${prefilter > MAX_BEAM ? 'above 1000 candidates' : 'under a filter'}`,
    );
  }
  const why = `a valid ${index.kind} index${more ? ', scanned until there are enough rows' : ''}`;
  const settings = [
    'enable_seqscan = off',
    index.kind === 'hnsw' ? `hnsw.ef_search = ${beam(prefilter)}` : `ivfflat.probes = ${probes}`,
    ...(more ? iterative(index.kind, prefilter) : []),
  ];
  return {
    ...plan,
    prefilter,
    kind: index.kind,
    why,
    settings: settings.map((one) => `set local ${one};`).join(''),
  };
}

function iterative(kind: 'hnsw' | 'ivfflat', prefilter: number): string[] {
  if (kind === 'ivfflat') return ['ivfflat.iterative_scan = relaxed_order'];
  return [
    'hnsw.iterative_scan = relaxed_order',
    `hnsw.max_scan_tuples = ${Math.max(LEAST_SCANNED, SCANNED_EACH * prefilter)}`,
    'hnsw.scan_mem_multiplier = 4',
  ];
}
