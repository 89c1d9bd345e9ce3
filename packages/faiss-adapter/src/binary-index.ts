import { call, callNow } from './addon/call.ts';
import { addon, type IndexKind, type NativeIndex } from './addon/native.ts';

export type BinaryIndexOptions =
  | { readonly kind: 'flat'; readonly dimensions: number }
  | {
      readonly kind: 'ivf';
      readonly dimensions: number;
      /** Inverted lists; about 4 √rows is usual. */
      readonly lists: number;
    }
  | {
      readonly kind: 'hnsw';
      readonly dimensions: number;
      /** Links a vertex on the upper levels, twice as many on the lowest. Default 16. */
      readonly m?: number;
      /** Beam width while building: more takes longer and links better. Default 64. */
      readonly efConstruction?: number;
    };

export interface BinaryIndexSearch {
  /** Default 10. */
  readonly k?: number;
  /** IVF: lists read. More cost time and find more. Default 1. */
  readonly probes?: number;
  /** HNSW: beam width, at least k is used. More cost time and find more. Default 16. */
  readonly efSearch?: number;
  /** Default: as many as processors. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

/** What was found for one query: k, or fewer where there are no more. */
export interface BinaryIndexHits {
  /** Hamming distances, nearest first. */
  readonly distances: Int32Array;
  /** Row numbers, or the ids of an id map. */
  readonly labels: BigInt64Array;
}

/**
 * A binary index of faiss: flat, IVF or HNSW over packed bits (rows × dimensions / 8 bytes), in faiss's own file
 * format. Every call works on threads of the addon and takes an `AbortSignal`. Arrays are copied when a call starts.
 * A store with ids, int8 copies and filters is `FaissStore`.
 */
export class BinaryIndex {
  readonly #native: NativeIndex;

  private constructor(native: NativeIndex) {
    this.#native = native;
  }

  /**
   * An empty index. RangeError for numbers that make none.
   *
   * @throws NestbitError `OUT_OF_MEMORY`
   */
  static create(options: BinaryIndexOptions): BinaryIndex {
    const { kind, dimensions } = options;
    if (kind === 'hnsw') {
      const { m = 16, efConstruction = 64 } = options;
      return new BinaryIndex(callNow(() => addon().makeIndex({ kind, dimensions, m, efConstruction })));
    }
    return new BinaryIndex(callNow(() => addon().makeIndex(options)));
  }

  /**
   * Reads a file that faiss wrote (`write_index_binary`), flat, IVF or HNSW, also inside an id map.
   *
   * @throws NestbitError `FILE_NOT_FOUND`, `INDEX_INVALID`
   */
  static async read(path: string): Promise<BinaryIndex> {
    return new BinaryIndex(await call(() => addon().readIndex(path)));
  }

  get kind(): IndexKind {
    return this.#native.describe().kind;
  }

  get dimensions(): number {
    return this.#native.describe().dimensions;
  }

  /** Rows that it holds. */
  get rows(): number {
    return this.#native.describe().rows;
  }

  /** Whether rows can be added: IVF must be trained first. */
  get trained(): boolean {
    return this.#native.describe().trained;
  }

  /**
   * IVF: finds the lists' centroids by k-majority; other kinds need none.
   *
   * @param codes rows × dimensions / 8, at least one row a list; 40 a list and more are good
   * @param options.iterations default 10
   */
  async train(
    codes: Uint8Array,
    options: {
      readonly iterations?: number;
      readonly threads?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<void> {
    const { iterations = 10, threads = addon().threads, signal } = options;
    await call((token) => this.#native.train(codes, iterations, threads, token), signal);
  }

  /**
   * Appends rows × dimensions / 8 bytes. An HNSW index that an abort stopped in the middle refuses every later
   * call (`INDEX_INVALID`).
   */
  async add(
    codes: Uint8Array,
    options: { readonly threads?: number; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { threads = addon().threads, signal } = options;
    await call((token) => this.#native.add(codes, threads, token), signal);
  }

  /**
   * The k nearest rows of each query.
   *
   * @param queries count × dimensions / 8
   * @throws NestbitError `SEARCH_LIMIT` for more than 2^28 hits at once (queries × k), `OUT_OF_MEMORY`, `ABORTED`
   */
  async search(queries: Uint8Array, options: BinaryIndexSearch = {}): Promise<BinaryIndexHits[]> {
    const { k = 10, probes = 1, threads = addon().threads, signal } = options;
    const efSearch = Math.max(options.efSearch ?? 16, k);
    const { width, distances, labels } = await call(
      (token) => this.#native.search(queries, k, probes, efSearch, threads, token),
      signal,
    );
    return Array.from({ length: labels.length / width }, (_, query) => {
      const start = query * width;
      const end = start + width;
      // Places without a row have the distance -1.
      const found = distances[end - 1] >= 0 ? width : distances.subarray(start, end).indexOf(-1);
      return {
        distances: distances.slice(start, start + found),
        labels: labels.slice(start, start + found),
      };
    });
  }

  /** Writes a file that faiss reads in any language. */
  async write(path: string): Promise<void> {
    await call(() => this.#native.write(path));
  }
}
