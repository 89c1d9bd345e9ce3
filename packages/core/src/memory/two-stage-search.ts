import type { Codec } from '../codec/codec.ts';
import type { PreparedQuery } from '../codec/types.ts';
import { throwIfAborted } from '../errors.ts';
import type { Condition } from '../store/filter.ts';
import { predicateOf } from '../store/matches.ts';
import type { SearchPlan } from '../store/search-options.ts';
import { best, nearest } from '../store/select.ts';
import type { Turns } from '../store/turns.ts';
import { bitScorer, clamped, type Ranked, rescoreScorer, type Scorer } from '../store/two-stage.ts';
import { HammingScan } from './hamming-scan.ts';
import type { Rows } from './rows.ts';

/** Rows looked at between two glances at the clock. */
const CHUNK = 1024;
/** Rows from which a selection, which cannot be sliced, gets a turn of its own: about half a millisecond. */
const MANY = 65_536;

/** The search over rows in memory, stage by stage; other work runs between the slices of each stage. */
export class TwoStageSearch {
  readonly #codec: Codec;
  readonly #scan: HammingScan;
  readonly #turns: Turns;

  constructor(codec: Codec, turns: Turns) {
    this.#codec = codec;
    this.#scan = new HammingScan(codec.layout.bits, turns);
    this.#turns = turns;
  }

  /** The places of rows that pass, ascending; undefined: all up to `rows.end`. */
  async passing(
    rows: Rows,
    conditions: readonly Condition[],
    signal?: AbortSignal,
  ): Promise<Uint32Array | undefined> {
    const live = rows.live();
    if (conditions.length === 0) return live;
    const passes = predicateOf(conditions);
    const total = live?.length ?? rows.end;
    const found = new Uint32Array(total);
    let count = 0;
    for (let i = 0; i < total; i++) {
      if (i % CHUNK === 0 && this.#turns.due) await this.#turns.give(signal);
      const place = live === undefined ? i : live[i];
      if (passes(rows.payloads[place])) found[count++] = place;
    }
    return found.subarray(0, count);
  }

  /** Hamming candidates of one query, nearest first. */
  async hamming(
    rows: Rows,
    query: PreparedQuery,
    plan: SearchPlan,
    among: Uint32Array | undefined,
  ): Promise<Uint32Array> {
    const distances = await this.#scan.distances(query.bits, rows.bits, rows.end, plan.signal);
    await this.#turn(among?.length ?? rows.end, plan.signal);
    return nearest(distances, plan.prefilter, among);
  }

  /** The best of the candidates by the float query against their bits and scalars. */
  refine(rows: Rows, query: PreparedQuery, plan: SearchPlan, candidates: Uint32Array): Promise<Ranked> {
    return this.#rank(bitScorer(this.#codec, query, rows), candidates, plan.rescored, plan.signal);
  }

  /** The k best of the candidates by the float query against their copies. */
  async rescore(
    rows: Rows,
    query: PreparedQuery,
    plan: SearchPlan,
    candidates: Uint32Array,
  ): Promise<Ranked> {
    const scorer = rescoreScorer(this.#codec, query, rows);
    return clamped(await this.#rank(scorer, candidates, plan.k, plan.signal));
  }

  async #rank(
    scorer: Scorer,
    candidates: Uint32Array,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<Ranked> {
    const scores = new Float64Array(candidates.length);
    for (let first = 0; first < candidates.length; first += CHUNK) {
      if (this.#turns.due) await this.#turns.give(signal);
      const end = first + CHUNK;
      scorer(candidates.subarray(first, end), scores.subarray(first, end));
    }
    await this.#turn(candidates.length, signal);
    return best(candidates, scores, count);
  }

  // Before a selection among so many rows.
  async #turn(rows: number, signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal);
    if (rows >= MANY || this.#turns.due) await this.#turns.give(signal);
  }
}
