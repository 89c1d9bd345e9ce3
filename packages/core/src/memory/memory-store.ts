import type { Codec } from '../codec/codec.ts';
import { rowsOf } from '../codec/shape.ts';
import type { Id, PreparedQuery } from '../codec/types.ts';
import { NestbitError, throwIfAborted } from '../errors.ts';
import { ExactSearch } from '../evaluate/exact-search.ts';
import { codesOf } from '../store/batch.ts';
import { type Condition, FieldRegistry, matches, parseFilter } from '../store/filter.ts';
import { type SearchPlan, searchPlan } from '../store/search-options.ts';
import { nearest } from '../store/select.ts';
import type { Batch, Capabilities, Hit, SearchOptions, Store, StoredRow } from '../store/store.ts';
import { refine, rescore } from '../store/two-stage.ts';
import { HammingScan } from './hamming-scan.ts';
import { Rows } from './rows.ts';

export interface MemoryStoreOptions {
  readonly codec: Codec;
  /** Also keep the truncated embeddings, for `exact`: 4 × dimensions bytes a row. Default false. */
  readonly keepEmbeddings?: boolean;
}

/** The store contract in memory: for small collections, for tests, and as the oracle of other stores. */
export class MemoryStore implements Store {
  readonly codec: Codec;
  readonly capabilities: Capabilities = { durable: false, approximate: false, ids: ['bigint', 'string'] };
  readonly #scan: HammingScan;
  readonly #rows: Rows;
  readonly #fields = new FieldRegistry();
  #closed = false;
  // A search that gives way to other work must not see rows move: changes wait for it.
  #searches = Promise.resolve<unknown>(undefined);

  constructor(options: MemoryStoreOptions) {
    this.codec = options.codec;
    this.#scan = new HammingScan(options.codec.dimensions / 8);
    this.#rows = new Rows(options.codec.dimensions, options.keepEmbeddings ?? false);
  }

  async upsert(batch: Batch, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#open();
    throwIfAborted(options.signal);
    const codes = codesOf(batch, this.codec);
    let floats: Float32Array | undefined;
    if (this.#rows.floats !== undefined) {
      if (!('embeddings' in batch)) {
        throw new NestbitError(
          'UNSUPPORTED',
          'A store with keepEmbeddings takes embeddings, not codes alone.',
        );
      }
      floats = this.codec.truncate(batch.embeddings, batch.ids);
    }
    const { ids } = batch;
    // A later change to the caller's objects must not reach into the store.
    const payloads = batch.payloads?.map((payload) => structuredClone(payload));
    await this.#alone(() => {
      throwIfAborted(options.signal);
      this.#rows.write(ids, codes, payloads, floats);
      for (const payload of payloads ?? []) this.#fields.add(payload);
    });
  }

  async delete(ids: readonly Id[], options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    this.#open();
    throwIfAborted(options.signal);
    return await this.#alone(() => ids.filter((id) => this.#rows.remove(id)).length);
  }

  async get(
    ids: readonly Id[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<(StoredRow | undefined)[]> {
    this.#open();
    throwIfAborted(options.signal);
    const n = this.codec.dimensions;
    return ids.map((id) => {
      const at = this.#rows.place(id);
      if (at === undefined) return undefined;
      return {
        id,
        payload: structuredClone(this.#rows.payloads[at]),
        bits: this.#rows.bits.slice((at * n) / 8, ((at + 1) * n) / 8),
        int8: this.#rows.int8.slice(at * n, (at + 1) * n),
      };
    });
  }

  async search(queries: Float32Array, options: SearchOptions = {}): Promise<Hit[][]> {
    this.#open();
    const plan = searchPlan(options);
    const prepared = this.codec.prepare(queries);
    return await this.#alone(async () => {
      const live = this.#passing(plan.conditions);
      const all: Hit[][] = [];
      for (const query of prepared) all.push(await this.#searchOne(query, plan, live));
      return all;
    });
  }

  /**
   * Exact float search over the kept embeddings (cosine, float32), best first, with every row that ties with
   * the k-th. Needs `keepEmbeddings`.
   */
  async exact(queries: Float32Array, options: Pick<SearchOptions, 'k' | 'filter'> = {}): Promise<Hit[][]> {
    this.#open();
    const { floats } = this.#rows;
    if (floats === undefined)
      throw new NestbitError('UNSUPPORTED', 'exact needs a store with keepEmbeddings: true.');
    rowsOf(queries, this.codec.inputDimensions);
    const n = this.codec.dimensions;
    const rows = this.#passing(parseFilter(options.filter ?? {}));
    const search = new ExactSearch(this.codec.truncate(queries), n, options.k ?? 10);
    if (rows === undefined) search.add(0, floats.subarray(0, this.#rows.length * n));
    else for (const row of rows) search.add(row, floats.subarray(row * n, (row + 1) * n));
    return search
      .hits()
      .map((hits) => Array.from(hits.rows, (row, i) => ({ id: this.#rows.ids[row], score: hits.scores[i] })));
  }

  async size(): Promise<number> {
    this.#open();
    return this.#rows.length;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#searches;
  }

  async #searchOne(query: PreparedQuery, plan: SearchPlan, live: Uint32Array | undefined): Promise<Hit[]> {
    const { bits, int8, ids, payloads, length } = this.#rows;
    const distances = await this.#scan.distances(query.bits, bits, length, plan.signal);
    const candidates = nearest(distances, plan.prefilter, live);
    const refined = refine(query, bits, candidates, plan.rescored);
    const final = rescore(query, int8, refined.rows, plan.k);
    return Array.from(final.rows, (row, i) => {
      const hit = { id: ids[row], score: final.scores[i] };
      return plan.payloads ? { ...hit, payload: structuredClone(payloads[row]) } : hit;
    });
  }

  // The rows that pass, ascending; undefined: all.
  #passing(conditions: readonly Condition[]): Uint32Array | undefined {
    if (conditions.length === 0) return undefined;
    if (this.#rows.length > 0) this.#fields.check(conditions);
    const rows: number[] = [];
    this.#rows.payloads.forEach((payload, row) => {
      if (matches(conditions, payload)) rows.push(row);
    });
    return Uint32Array.from(rows);
  }

  // Runs one thing after another, whatever became of the one before.
  #alone<T>(run: () => T | Promise<T>): Promise<T> {
    const result = this.#searches.then(run, run);
    this.#searches = result.catch(() => {});
    return result;
  }

  #open(): void {
    if (this.#closed) throw new NestbitError('STORE_CLOSED', 'The store is closed; open it again.');
  }
}
