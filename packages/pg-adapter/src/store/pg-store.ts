import {
  type Batch,
  type BatchInput,
  beginEncoding,
  Calls,
  type Capabilities,
  type Codec,
  type Codes,
  checkKeys,
  flatVectors,
  type Hit,
  type Id,
  type IdInput,
  NestbitError,
  oneQuery,
  rowsOf,
  type SearchCandidates,
  type Store,
  type StoredRow,
  takeBatch,
  throwIfAborted,
  type VectorInput,
} from '@nestbit/core';
import { idOf } from '../codes/ids.ts';
import { databaseOf } from '../connection/database.ts';
import type { IndexProgress, IndexState, PgIndex } from '../index-build/index-builder.ts';
import type { IdType } from '../schema/tables.ts';
import type { Explanation } from '../search/explain.ts';
import type { PgSearchOptions } from '../search/plan.ts';
import { asHits, type Found } from '../search/search-queries.ts';
import { CodeMemory, type CodePiece } from '../write/code-memory.ts';
import { type AttachOptions, attachStore } from './attach-store.ts';
import {
  type CreateOptions,
  createAndOpen,
  type OpenOptions,
  openExisting,
  type PgPool,
} from './open-store.ts';
import type { OpenedStore, StoreStats } from './opened-store.ts';

/**
 * The store contract in Postgres: bits in a bit column, int8 copies in bytea, payloads in jsonb; with pgvector an
 * HNSW or IVFFlat index on the bits, without it a scan. Works on any pool of `pg`, and on PGlite in process. A batch is
 * one transaction; any number of processes write and read.
 */
export class PgStore implements Store {
  readonly codec: Codec;
  readonly capabilities: Capabilities;
  /** Type of the id column. */
  readonly idType: IdType;
  readonly #store: OpenedStore;
  readonly #calls = new Calls();
  readonly #memory: CodeMemory;

  private constructor(store: OpenedStore) {
    this.#store = store;
    this.#memory = new CodeMemory(store.record.codec.layout);
    this.codec = store.record.codec;
    this.idType = store.record.idType;
    this.capabilities = {
      durable: true,
      approximate: true,
      ids: [this.idType === 'bigint' ? 'bigint' : 'string'],
    };
  }

  /**
   * Makes an empty store and opens it. The schema and its migrations are made when they are missing.
   *
   * @throws NestbitError `STORE_EXISTS`, `PERMISSION_DENIED`, `SERVER_TOO_OLD`, `CONNECTION_LOST`
   */
  static async create(pool: PgPool, options: CreateOptions): Promise<PgStore> {
    return new PgStore(await createAndOpen(databaseOf(pool), inOwnTypes(options)));
  }

  /** @throws NestbitError `STORE_NOT_FOUND`, `CODEC_MISMATCH`, `SERVER_TOO_OLD`, `CONNECTION_LOST` */
  static async open(pool: PgPool, options: OpenOptions): Promise<PgStore> {
    return new PgStore(await openExisting(databaseOf(pool), inOwnTypes(options)));
  }

  /**
   * Codes beside a table that is there, which is neither changed nor locked: hits are rows of it, filters and
   * payloads its columns. Opens what an earlier call attached.
   *
   * @throws NestbitError `TABLE_NOT_FOUND`, `COLUMN_NOT_FOUND`, `ID_TYPE`, `CODEC_MISMATCH`
   */
  static async attach(pool: PgPool, options: AttachOptions): Promise<PgStore> {
    return new PgStore(await attachStore(databaseOf(pool), inOwnTypes(options)));
  }

  async upsert(batch: BatchInput, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#check(options.signal);
    const { signal } = options;
    // All that needs no server begins at once, while the server is at the batch before; storing keeps the order of the
    // calls.
    let piece: CodePiece | undefined;
    const taken = takeBatch(batch, this.codec.inputDimensions);
    const encoding = beginEncoding(taken, this.codec, signal, (rows) => {
      piece = this.#memory.take(rows);
      return piece;
    });
    const prepared = encoding.checked.then(() => this.#store.prepare(taken.ids, taken.payloads));
    const encoded = Promise.all([prepared, encoding.codes]);
    encoded.catch(() => {});
    try {
      await this.#calls.inTurn(
        async (look) => {
          const [rows, codes] = await encoded;
          await this.#store.write({ ...rows, codes }, look, signal);
        },
        async () => await this.#store.lookAhead(await prepared),
      );
    } finally {
      await encoding.codes.catch(() => {});
      if (piece !== undefined) this.#memory.give(piece);
    }
  }

  async delete(ids: readonly IdInput[], options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    this.#check(options.signal);
    const wanted = checkKeys(ids);
    return await this.#calls.inTurn(() => this.#store.remove(wanted, options.signal));
  }

  async get(
    ids: readonly IdInput[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<(StoredRow | undefined)[]> {
    this.#check(options.signal);
    const wanted = checkKeys(ids);
    return await this.#calls.run(() => this.#store.get(wanted, options.signal));
  }

  async search(queries: VectorInput, options: PgSearchOptions = {}): Promise<Hit[][]> {
    return await this.#find(queries, options, (found, payloads) => asHits(found, this.idType, payloads));
  }

  /** The hits of one query: `search` without the outer array. */
  async searchOne(query: Float32Array | readonly number[], options: PgSearchOptions = {}): Promise<Hit[]> {
    const [hits] = await this.search(oneQuery(query, this.codec.inputDimensions), options);
    return hits;
  }

  /** What the stages before the rescore would hand on, for evaluation. Options and errors as `search`. */
  async candidates(queries: VectorInput, options: PgSearchOptions = {}): Promise<SearchCandidates[]> {
    const ids = (list: readonly string[]): Id[] => list.map((id) => idOf(id, this.idType));
    return await this.#find(queries, options, (found) => {
      const { hamming, refined } = found.stages();
      return { hamming: ids(hamming), refined: ids(refined) };
    });
  }

  /** How a search with these options would run, and what Postgres says of it (`explain`). */
  async explain(
    query: Float32Array | readonly number[],
    options: PgSearchOptions = {},
  ): Promise<Explanation> {
    this.#check(options.signal);
    const [prepared] = this.codec.prepare(oneQuery(query, this.codec.inputDimensions));
    return await this.#calls.run(() => this.#store.explain(prepared, options));
  }

  async size(): Promise<number> {
    this.#check();
    return await this.#calls.run(() => this.#store.size());
  }

  /**
   * All rows in the order of their ids, in batches that another store of the same codec takes. Each batch is read for
   * itself: rows written meanwhile may be among them. Payloads of an attached store are its table's columns.
   *
   * @param options batchRows: rows of a batch, default 2048
   */
  async *rows(
    options: { readonly batchRows?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Batch & { readonly codes: Codes }> {
    const { batchRows = 2048, signal } = options;
    for (let after: string | undefined; ; ) {
      this.#check(signal);
      const page = await this.#calls.run(() => this.#store.page(after, batchRows));
      if (page === undefined) return;
      yield page.batch;
      after = page.last;
    }
  }

  /** Whether the codes lie beside a table of one's own, whose columns are the payloads. */
  get attached(): boolean {
    return this.#store.record.source !== undefined;
  }

  /** Rows, bytes by part, index, codec. */
  async stats(): Promise<StoreStats> {
    this.#check();
    return await this.#calls.run(() => this.#store.stats());
  }

  /**
   * Builds the index, which every write after it pays for: best after the bulk of the rows is there. Reads and
   * writes go on meanwhile. Default: HNSW.
   *
   * @throws NestbitError `EXTENSION_MISSING`, `SERVER_TOO_OLD`, `INDEX_INVALID`, `TIMEOUT`, `DATABASE_FULL`
   */
  async buildIndex(index: PgIndex = { kind: 'hnsw' }, options: IndexProgress = {}): Promise<IndexState> {
    this.#check(options.signal);
    return await this.#calls.run(() => this.#store.buildIndex(index, options));
  }

  /** Removes the store and its codes from the database, and closes it. */
  async drop(): Promise<void> {
    this.#check();
    await this.#calls.close(() => this.#store.drop());
  }

  /** The pool stays open: it is the caller's. */
  async close(): Promise<void> {
    await this.#calls.close(async () => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #find<T>(
    queries: VectorInput,
    options: PgSearchOptions,
    give: (found: Found, payloads: Map<string, Hit['payload']> | undefined) => T,
  ): Promise<T[]> {
    this.#check(options?.signal);
    // As they are now, whatever the caller does to them while the plan is made.
    const asked =
      queries instanceof Float32Array ? queries.slice() : flatVectors(queries, this.codec.inputDimensions);
    const plan = await this.#store.plan(options);
    rowsOf(asked, this.codec.inputDimensions);
    const prepared = this.codec.prepare(asked);
    return await this.#calls.run(() => this.#store.search(prepared, asked, plan, give));
  }

  #check(signal?: AbortSignal): void {
    if (this.#calls.closed)
      throw new NestbitError('STORE_CLOSED', 'The store is closed; open it again with PgStore.open.');
    throwIfAborted(signal);
  }
}

function inOwnTypes<T extends { readonly readPool?: PgPool }>(options: T): T {
  return options.readPool === undefined ? options : { ...options, readPool: databaseOf(options.readPool) };
}
