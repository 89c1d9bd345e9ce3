import type { Codec } from '../codec/codec.ts';
import { rowsOf } from '../codec/shape.ts';
import type { Id, PreparedQuery } from '../codec/types.ts';
import { NestbitError, throwIfAborted } from '../errors.ts';
import { checkKeys, takeBatch } from '../store/batch.ts';
import { encodeBatch } from '../store/encoding/encode-batch.ts';
import { FieldRegistry } from '../store/field-registry.ts';
import { type BatchInput, flatVectors, type IdInput, oneQuery, type VectorInput } from '../store/inputs.ts';
import { copyPayload } from '../store/payload.ts';
import { type SearchPlan, searchPlan } from '../store/search-options.ts';
import type { Batch, Capabilities, Hit, SearchOptions, Store, StoredRow } from '../store/store.ts';
import { Turns } from '../store/turns.ts';
import { exactRows } from './exact-rows.ts';
import { Rows } from './rows.ts';
import { TwoStageSearch } from './two-stage-search.ts';

export interface MemoryStoreOptions {
  readonly codec: Codec;
  /** Also keep the truncated embeddings, for `exact`: 4 × dimensions bytes a row. Default false. */
  readonly keepEmbeddings?: boolean;
}

/** What the first two stages of a search have found for one query. */
export interface SearchCandidates {
  /** The nearest `prefilter` rows by Hamming distance, nearest first. */
  readonly hamming: readonly Id[];
  /** The k × oversample of them with the best bit scores, which would be rescored, best first. */
  readonly refined: readonly Id[];
}

/**
 * The store contract in memory: for small collections, for tests, and as the oracle of other stores.
 *
 * Searches run on the calling thread in slices of a few milliseconds, one call after another. What is not
 * sliced: encoding the queries, and each selection among candidates, which takes about 10 ms among a
 * million rows by distance, and longer by score (k in the thousands).
 */
export class MemoryStore implements Store {
  readonly codec: Codec;
  readonly capabilities: Capabilities = { durable: false, approximate: false, ids: ['bigint', 'string'] };
  readonly #keepEmbeddings: boolean;
  readonly #turns = new Turns();
  readonly #stages: TwoStageSearch;
  readonly #fields = new FieldRegistry();
  #rows: Rows;
  #closed = false;
  // A search that gives way to other work must not see rows move: calls queue up behind each other.
  #queue = Promise.resolve<unknown>(undefined);

  constructor(options: MemoryStoreOptions) {
    this.codec = options.codec;
    this.#keepEmbeddings = options.keepEmbeddings ?? false;
    this.#stages = new TwoStageSearch(options.codec, this.#turns);
    this.#rows = new Rows(options.codec, this.#keepEmbeddings);
  }

  async upsert(batch: BatchInput, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#open(options.signal);
    const taken = takeBatch(batch, this.codec.inputDimensions);
    // Encoding begins at once, storing keeps the order of the calls.
    const encoded = encodeBatch(taken, this.codec, options.signal);
    encoded.catch(() => {});
    const { ids } = taken;
    await this.#inTurn(options.signal, async () => {
      const codes = await encoded;
      const floats = this.#floatsOf(taken);
      // A later change to the caller's objects must not reach into the store. Only checked payloads end.
      const payloads = taken.payloads?.map((payload) => payload && copyPayload(payload));
      this.#rows.write(ids, codes, payloads, floats);
      for (const payload of payloads ?? []) this.#fields.add(payload);
      await this.#closeGaps();
    });
  }

  async delete(ids: readonly IdInput[], options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    this.#open(options.signal);
    const wanted = checkKeys(ids);
    return await this.#inTurn(options.signal, async () => {
      const removed = wanted.filter((id) => this.#rows.remove(id)).length;
      await this.#closeGaps();
      return removed;
    });
  }

  async get(
    ids: readonly IdInput[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<(StoredRow | undefined)[]> {
    this.#open(options.signal);
    const wanted = checkKeys(ids);
    const { payloads } = this.#rows;
    return wanted.map((id) => {
      const at = this.#rows.place(id);
      if (at === undefined) return undefined;
      return { id, payload: payloads[at] && copyPayload(payloads[at]), ...this.#rows.codes(at) };
    });
  }

  async search(queries: VectorInput, options: SearchOptions = {}): Promise<Hit[][]> {
    return await this.#eachQuery(queries, options, async (query, plan, among) => {
      const near = await this.#stages.hamming(this.#rows, query, plan, among);
      const refined = await this.#stages.refine(this.#rows, query, plan, near);
      const final = await this.#stages.rescore(this.#rows, query, plan, refined.rows);
      return Array.from(final.rows, (row, i) => {
        const hit = { id: this.#rows.ids[row] as Id, score: final.scores[i] };
        const payload = this.#rows.payloads[row];
        return plan.payloads ? { ...hit, payload: payload && copyPayload(payload) } : hit;
      });
    });
  }

  /** The hits of one query: `search` without the outer array. */
  async searchOne(query: Float32Array | readonly number[], options: SearchOptions = {}): Promise<Hit[]> {
    const [hits] = await this.search(oneQuery(query, this.codec.inputDimensions), options);
    return hits;
  }

  /** What the stages before the rescore would hand on, for evaluation. Options and errors as `search`. */
  async candidates(queries: VectorInput, options: SearchOptions = {}): Promise<SearchCandidates[]> {
    return await this.#eachQuery(queries, options, async (query, plan, among) => {
      const hamming = await this.#stages.hamming(this.#rows, query, plan, among);
      const refined = await this.#stages.refine(this.#rows, query, plan, hamming);
      const ids = (rows: Uint32Array): Id[] => Array.from(rows, (row) => this.#rows.ids[row] as Id);
      return { hamming: ids(hamming), refined: ids(refined.rows) };
    });
  }

  /**
   * Exact float search over the kept embeddings (cosine of the truncated vectors, float32), best first, with
   * every row that ties with the k-th: there can be more than k hits. Needs `keepEmbeddings`.
   *
   * @throws NestbitError `UNSUPPORTED` without `keepEmbeddings`, else as `search`
   */
  async exact(
    queries: VectorInput,
    options: Pick<SearchOptions, 'k' | 'filter' | 'signal'> = {},
  ): Promise<Hit[][]> {
    this.#open(options.signal);
    if (!this.#keepEmbeddings)
      throw new NestbitError('UNSUPPORTED', 'exact needs a store with keepEmbeddings: true.');
    const { k, conditions, signal } = searchPlan({ ...options, oversample: 1 });
    const asked = flatVectors(queries, this.codec.inputDimensions);
    rowsOf(asked, this.codec.inputDimensions);
    const truncated = this.codec.truncate(asked);
    const n = this.codec.dimensions;
    return await this.#inTurn(signal, async () => {
      if (this.#rows.length > 0) this.#fields.check(conditions);
      const places = (await this.#stages.passing(this.#rows, conditions, signal)) ?? this.#rows.end;
      const floats = this.#rows.floats as Float32Array;
      const found = await exactRows(floats, places, truncated, n, k, this.#turns, signal);
      return found.map((hits) =>
        Array.from(hits.rows, (row, i) => ({ id: this.#rows.ids[row] as Id, score: hits.scores[i] })),
      );
    });
  }

  async size(): Promise<number> {
    this.#open();
    return this.#rows.length;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue;
    this.#rows = new Rows(this.codec, this.#keepEmbeddings);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #eachQuery<T>(
    queries: VectorInput,
    options: SearchOptions,
    run: (query: PreparedQuery, plan: SearchPlan, among: Uint32Array | undefined) => Promise<T>,
  ): Promise<T[]> {
    this.#open(options?.signal);
    const plan = searchPlan(options);
    const prepared = this.codec.prepare(flatVectors(queries, this.codec.inputDimensions));
    return await this.#inTurn(plan.signal, async () => {
      if (this.#rows.length > 0) this.#fields.check(plan.conditions);
      const among = await this.#stages.passing(this.#rows, plan.conditions, plan.signal);
      const all: T[] = [];
      for (const query of prepared) all.push(await run(query, plan, among));
      return all;
    });
  }

  // The truncated embeddings of a checked batch, where they are kept.
  #floatsOf(batch: Batch): Float32Array | undefined {
    if (!this.#keepEmbeddings) return undefined;
    if ('embeddings' in batch) return this.codec.truncate(batch.embeddings, batch.ids);
    throw new NestbitError('UNSUPPORTED', 'A store with keepEmbeddings takes embeddings, not codes alone.');
  }

  async #closeGaps(): Promise<void> {
    if (!this.#rows.sparse) return;
    for (const _ of this.#rows.compact()) if (this.#turns.due) await this.#turns.give();
  }

  // Runs one thing after another, whatever became of the one before.
  #inTurn<T>(signal: AbortSignal | undefined, run: () => T | Promise<T>): Promise<T> {
    const checked = (): T | Promise<T> => {
      throwIfAborted(signal);
      return run();
    };
    const result = this.#queue.then(checked, checked);
    this.#queue = result.catch(() => {});
    return result;
  }

  #open(signal?: AbortSignal): void {
    if (this.#closed) throw new NestbitError('STORE_CLOSED', 'The store is closed; open it again.');
    throwIfAborted(signal);
  }
}
