import {
  type Codec,
  type PreparedQuery,
  rowsOf,
  type SearchOptions,
  type SearchPlan,
  Turns,
} from '@nestbit/core';
import { call } from '../addon/call.ts';
import { addon, type NativeFound, type NativeIndex, type NativeSearch } from '../addon/native.ts';
import { searchable, type View } from './view.ts';

/** Queries that one call of the addon takes. */
const QUERIES_AT_ONCE = 256;
/** Queries prepared between two looks at the event loop. */
const PREPARED_AT_ONCE = 16;

export interface FaissSearchOptions extends SearchOptions {
  /** IVF: lists read for a query. Default: that of the store. */
  readonly probes?: number;
  /** HNSW: beam width. Default: that of the store. */
  readonly efSearch?: number;
  /** Threads of this call. Default: those of the store. */
  readonly threads?: number;
}

export interface StoreSearch {
  readonly plan: SearchPlan;
  readonly stage: NativeSearch['stage'];
  readonly index: { readonly native: NativeIndex; readonly rows: number } | undefined;
  readonly probes: number;
  readonly efSearch: number;
  readonly threads: number;
}

/** Rows and scores of one query, best first. */
export interface Found {
  readonly rows: Uint32Array;
  readonly scores: Float64Array;
}

/** Searches a view: one entry a query. */
export async function searchView(view: View, queries: Float32Array, search: StoreSearch): Promise<Found[]> {
  const { plan, index } = search;
  const { codec, files } = view.generation;
  const total = rowsOf(queries, codec.inputDimensions);
  const { pass, passing } = await searchable(view, plan.conditions, plan.signal);
  const turns = new Turns();
  const all: Found[] = [];
  const width = codec.inputDimensions;
  for (let first = 0; first < total; first += QUERIES_AT_ONCE) {
    const last = Math.min(total, first + QUERIES_AT_ONCE);
    const packed = await pack(
      codec,
      queries.subarray(first * width, last * width),
      first,
      turns,
      plan.signal,
    );
    const options = {
      files,
      index: index?.native,
      indexed: Math.min(index?.rows ?? 0, view.rows),
      rows: view.rows,
      pass,
      passing,
      prefilter: plan.prefilter,
      rescored: plan.rescored,
      k: plan.k,
      probes: search.probes,
      efSearch: search.efSearch,
      stage: search.stage,
      threads: search.threads,
      count: last - first,
      ...packed,
    };
    const found = await call((token) => addon().search({ ...options, token }), plan.signal);
    for (let query = 0; query < last - first; query++) all.push(foundBy(found, query));
  }
  return all;
}

function foundBy({ width, rows, scores, found }: NativeFound, query: number): Found {
  const start = query * width;
  const end = start + found[query];
  return { rows: rows.subarray(start, end), scores: scores.subarray(start, end) };
}

type Packed = Pick<
  NativeSearch,
  | 'bits'
  | 'bitWeights'
  | 'bitFactors'
  | 'bitOffsets'
  | 'bitScale'
  | 'bitBias'
  | 'rescoreWeights'
  | 'rescoreScale'
  | 'rescoreBias'
>;

// Queries in the forms of the stages, flat.
async function pack(
  codec: Codec,
  queries: Float32Array,
  firstQuery: number,
  turns: Turns,
  signal: AbortSignal | undefined,
): Promise<Packed> {
  const n = codec.dimensions;
  const width = codec.inputDimensions;
  const count = queries.length / width;
  const { bitFactors, copy } = codec;
  const packed = {
    bits: new Uint8Array((count * n) / 8),
    bitWeights: new Int16Array(count * n),
    // A copy: the addon reads its memory, and the codec's can be reached by others.
    bitFactors: bitFactors?.slice(),
    bitOffsets: bitFactors && new Float64Array(count * bitFactors.length),
    bitScale: new Float64Array(count),
    bitBias: new Float64Array(count),
    rescoreWeights: copy === 'none' ? undefined : new Float64Array(count * n),
    rescoreScale: new Float64Array(count),
    rescoreBias: new Float64Array(count),
  };
  for (let first = 0; first < count; first += PREPARED_AT_ONCE) {
    if (turns.due) await turns.give(signal);
    const part = queries.subarray(first * width, (first + PREPARED_AT_ONCE) * width);
    for (const [i, query] of codec.prepare(part, firstQuery + first).entries())
      put(packed, first + i, query, n);
  }
  return packed;
}

function put(packed: Packed, at: number, query: PreparedQuery, n: number): void {
  packed.bits.set(query.bits, (at * n) / 8);
  packed.bitWeights.set(query.bitWeights, at * n);
  if (query.bitOffsets !== undefined) packed.bitOffsets?.set(query.bitOffsets, at * query.bitOffsets.length);
  packed.bitScale[at] = query.bitScale;
  packed.bitBias[at] = query.bitBias;
  packed.rescoreWeights?.set(query.rescoreWeights, at * n);
  packed.rescoreScale[at] = query.rescoreScale;
  packed.rescoreBias[at] = query.rescoreBias;
}
