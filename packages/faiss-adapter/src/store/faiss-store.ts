import {
  type Batch,
  type BatchInput,
  Calls,
  type Capabilities,
  type Codec,
  type Codes,
  checkKeys,
  clampScore,
  encodeBatch,
  flatVectors,
  type Hit,
  type Id,
  type IdInput,
  NestbitError,
  oneQuery,
  type SearchCandidates,
  type Store,
  type StoredRow,
  searchPlan,
  Turns,
  takeBatch,
  throwIfAborted,
  type VectorInput,
} from '@nestbit/core';
import { type ExportOptions, exportIndex } from './export.ts';
import type { IndexProgress } from './index-keeper.ts';
import { livingBatches } from './living-rows.ts';
import { type CreateOptions, createStore, type OpenOptions, openStore, type Parts } from './open-store.ts';
import { OpenedStore } from './opened-store.ts';
import { readRows } from './read-rows.ts';
import { type StoreStats, statsOf } from './stats.ts';
import { type FaissSearchOptions, type Found, searchView } from './store-search.ts';
import type { View } from './view.ts';

/**
 * The store contract in a folder: bits searched in memory by faiss's structures and our kernels, copies on disk,
 * ids and payloads in LMDB. Every batch is durable and whole when its promise resolves. One writer, any
 * number of readers, in this process or others. No call holds up the event loop.
 */
export class FaissStore implements Store {
  readonly codec: Codec;
  readonly capabilities: Capabilities;
  readonly #store: OpenedStore;
  readonly #calls = new Calls();

  private constructor(parts: Parts) {
    this.#store = new OpenedStore(parts);
    const { codec, index } = parts.opened.generation;
    this.codec = codec;
    this.capabilities = { durable: true, approximate: index.kind !== 'flat', ids: ['bigint', 'string'] };
  }

  /**
   * Makes an empty store in a folder, which is made too, and opens it for writing.
   *
   * @throws NestbitError `STORE_EXISTS`, `STORE_LOCKED`, `ADDON_MISSING`; TypeError, RangeError naming the option
   */
  static async create(path: string, options: CreateOptions): Promise<FaissStore> {
    return new FaissStore(await createStore(path, options));
  }

  /**
   * Opens a store; its bits are read and checked against their checksums.
   *
   * @throws NestbitError `STORE_NOT_FOUND`, `STORE_LOCKED`, `STORE_DAMAGED`, `CODEC_MISMATCH`, `ADDON_MISSING`
   */
  static async open(path: string, options: OpenOptions = {}): Promise<FaissStore> {
    const store = new FaissStore(await openStore(path, options));
    store.#store.indexInBackground();
    return store;
  }

  async upsert(batch: BatchInput, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#check(options.signal);
    this.#store.checkWritable();
    // Encoding begins at once, storing keeps the order of the calls.
    const taken = takeBatch(batch, this.codec.inputDimensions);
    const encoded = encodeBatch(taken, this.codec, options.signal);
    encoded.catch(() => {});
    await this.#calls.inTurn(async () => {
      const codes = await encoded;
      throwIfAborted(options.signal);
      await this.#store.write(taken.ids, codes, taken.payloads);
    });
  }

  async delete(ids: readonly IdInput[], options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    this.#check(options.signal);
    this.#store.checkWritable();
    const wanted = checkKeys(ids);
    return await this.#calls.inTurn(async () => {
      throwIfAborted(options.signal);
      return await this.#store.remove(wanted);
    });
  }

  async get(
    ids: readonly IdInput[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<(StoredRow | undefined)[]> {
    this.#check(options.signal);
    const wanted = checkKeys(ids);
    return await this.#read((view) => readRows(view, wanted));
  }

  async search(queries: VectorInput, options: FaissSearchOptions = {}): Promise<Hit[][]> {
    const { payloads } = searchPlan(options);
    return await this.#find(queries, options, 'rescore', (view, { rows, scores }) =>
      Array.from(rows, (row, i) => {
        const { id, payload } = view.generation.row(row);
        const score = clampScore(scores[i]);
        return payloads ? { id, score, payload } : { id, score };
      }),
    );
  }

  /** The hits of one query: `search` without the outer array. */
  async searchOne(query: Float32Array | readonly number[], options: FaissSearchOptions = {}): Promise<Hit[]> {
    const [hits] = await this.search(oneQuery(query, this.codec.inputDimensions), options);
    return hits;
  }

  /** What the stages before the rescore would hand on, for evaluation. Options and errors as `search`. */
  async candidates(queries: VectorInput, options: FaissSearchOptions = {}): Promise<SearchCandidates[]> {
    const ids = (view: View, { rows }: Found): Id[] => Array.from(rows, (row) => view.generation.row(row).id);
    const hamming = await this.#find(queries, options, 'hamming', ids);
    const refined = await this.#find(queries, options, 'refine', ids);
    return hamming.map((near, query) => ({ hamming: near, refined: refined[query] }));
  }

  async size(): Promise<number> {
    this.#check();
    return await this.#read(async (view) => view.live);
  }

  /** Rows, bytes by part, codec and index. */
  async stats(): Promise<StoreStats> {
    this.#check();
    return await this.#read(async (view) => await statsOf(view, this.#store.keeper));
  }

  /** IVF and HNSW: puts all rows into the index now, and saves it; flat needs none. Searches go on meanwhile. */
  async index(options: IndexProgress = {}): Promise<void> {
    this.#check(options.signal);
    this.#store.checkWritable();
    await this.#calls.inTurn(async () => await this.#store.index(options));
  }

  /** Copies the living rows into fresh files and builds the index anew. Searches go on meanwhile, writes wait. */
  async compact(options: IndexProgress = {}): Promise<void> {
    this.#check(options.signal);
    this.#store.checkWritable();
    await this.#calls.inTurn(async () => await this.#store.compact(options));
  }

  /**
   * Writes the binary index of the living rows as a file that faiss opens in any language, and the ids beside it
   * (`<path>.ids.jsonl`, in the order of the labels); with `codes`, scalars and copies too. Returns the number of rows.
   *
   * @throws NestbitError `FILE_WRITE`, `STORE_DAMAGED`, `ABORTED`
   */
  async export(path: string, options: ExportOptions = {}): Promise<number> {
    this.#check(options.signal);
    return await this.#read((view) => exportIndex(view, this.#store.keeper, path, options));
  }

  /**
   * All rows as they are at the start, in the order of their writes, in batches that another store of the same codec takes.
   *
   * @param options batchRows: rows of a batch, default 2048
   * @throws NestbitError `STORE_DAMAGED`, `ABORTED`
   */
  async *rows(
    options: { readonly batchRows?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Batch & { readonly codes: Codes }> {
    this.#check(options.signal);
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let reading: Promise<void> | undefined;
    // What is read stays open until the last batch was taken, or the loop was left.
    const view = await new Promise<View>((resolve, reject) => {
      reading = this.#read(async (own) => {
        resolve(own);
        await ended;
      });
      reading.catch(reject);
    });
    try {
      yield* livingBatches(view, options.batchRows ?? 2048, options.signal);
    } finally {
      end();
      await reading;
    }
  }

  /** Reads all codes and checks them against their checksums. @throws NestbitError `STORE_DAMAGED` */
  async verify(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#check(options.signal);
    await this.#read(async ({ generation, rows }) => {
      await generation.verify('bits', rows, 1, options.signal);
      await generation.verify('copies', rows, 1, options.signal);
    });
  }

  async close(): Promise<void> {
    await this.#calls.close(() => this.#store.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #find<T>(
    queries: VectorInput,
    options: FaissSearchOptions,
    stage: 'hamming' | 'refine' | 'rescore',
    give: (view: View, found: Found) => T,
  ): Promise<T[]> {
    this.#check(options?.signal);
    const plan = searchPlan(options);
    const { tuning } = this.#store;
    const asked =
      queries instanceof Float32Array ? queries.slice() : flatVectors(queries, this.codec.inputDimensions);
    const { probes = tuning.probes, efSearch = tuning.efSearch, threads = tuning.threads } = options;
    return await this.#read(async (view) => {
      const index = this.#store.keeper.current;
      const search = { plan, stage, index, probes, efSearch, threads };
      const found = await searchView(view, asked, search);
      const turns = new Turns();
      const given: T[] = [];
      for (const rows of found) {
        if (turns.due) await turns.give(plan.signal);
        given.push(give(view, rows));
        view.generation.readRecords(rows.rows.length);
      }
      return given;
    });
  }

  // A call that reads: it sees one view, and what it sees stays open.
  async #read<T>(run: (view: View) => Promise<T>): Promise<T> {
    return await this.#calls.run(async () => {
      const view = await this.#store.refresh();
      return await view.generation.use(async () => await run(view));
    });
  }

  #check(signal?: AbortSignal): void {
    if (this.#calls.closed)
      throw new NestbitError('STORE_CLOSED', 'The store is closed; open it again with FaissStore.open.');
    throwIfAborted(signal);
  }
}
