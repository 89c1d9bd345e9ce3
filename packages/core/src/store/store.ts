import type { Codec } from '../codec/codec.ts';
import type { Codes, Id } from '../codec/types.ts';
import type { Filter, Payload } from './filter.ts';

/** Rows to store: embeddings for the store's codec, or codes that it made. */
export type Batch = {
  /** One a row, none twice. */
  readonly ids: readonly Id[];
  /** JSON objects beside the codes, one a row where given; filters look at their fields. */
  readonly payloads?: readonly (Payload | undefined)[];
} & (
  | {
      /** rows × inputDimensions, row-major. */
      readonly embeddings: Float32Array;
    }
  | {
      /** Codes of the same fingerprint, from `codec.encode` or another store. */
      readonly codes: Codes;
    }
);

export interface StoredRow {
  readonly id: Id;
  readonly payload: Payload | undefined;
  /** dimensions / 8 bytes */
  readonly bits: Uint8Array;
  /** dimensions values */
  readonly int8: Int8Array;
}

export interface Hit {
  readonly id: Id;
  /** Higher is better: cosine similarity with the int8 copy, the same in every store of a codec. */
  readonly score: number;
  /** With the search option `payloads`. */
  readonly payload?: Payload | undefined;
}

export interface SearchOptions {
  /** Hits wanted: 1 … 10 000. Default 10. */
  readonly k?: number;
  /** k × oversample candidates are rescored. More costs int8 reads and finds more. Default 20. */
  readonly oversample?: number;
  /** Hamming candidates. More costs time in the refine and finds more. Default 5 × k × oversample. */
  readonly prefilter?: number;
  /** Only rows whose payload passes. */
  readonly filter?: Filter;
  /** Return payloads with the hits. Default false. */
  readonly payloads?: boolean;
  readonly signal?: AbortSignal;
}

/** What a backend adds to the contract or leaves out. */
export interface Capabilities {
  /** Rows outlive the process once `upsert` has resolved. */
  readonly durable: boolean;
  /** The Hamming stage may miss candidates (an approximate index). */
  readonly approximate: boolean;
  /** Kinds of ids that one store can hold. */
  readonly ids: readonly ('bigint' | 'string')[];
}

/** What every backend does; `storeContract` of `@nestbit/core/testing` is its test. */
export interface Store {
  readonly codec: Codec;
  readonly capabilities: Capabilities;
  /**
   * Stores rows by id; the last write of an id wins. All of the batch or, with an error, nothing of it;
   * durable (where the backend is) when the promise resolves.
   *
   * @throws NestbitError `BATCH_EMPTY`, `BATCH_SHAPE`, `ID_DUPLICATE`, `ID_INVALID`, `PAYLOAD_INVALID`,
   * `VECTOR_ZERO`, `VECTOR_NOT_FINITE`, `CODEC_MISMATCH`, `ABORTED`, `STORE_CLOSED`
   */
  upsert(batch: Batch, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Removes rows; returns how many there were. */
  delete(ids: readonly Id[], options?: { readonly signal?: AbortSignal }): Promise<number>;
  /** Stored rows in the order of the ids; undefined where there is none. */
  get(ids: readonly Id[], options?: { readonly signal?: AbortSignal }): Promise<(StoredRow | undefined)[]>;
  /**
   * The best k rows for each query, best first: Hamming candidates, refined, rescored. Fewer than k only
   * where fewer rows pass the filter.
   *
   * @param queries rows × inputDimensions, row-major
   * @throws NestbitError `SEARCH_LIMIT`, `FILTER_FIELD`, `FILTER_OPERATOR`, `FILTER_VALUE`, and those of a batch
   */
  search(queries: Float32Array, options?: SearchOptions): Promise<Hit[][]>;
  /** Rows stored. */
  size(): Promise<number>;
  /** Releases everything; further calls are `STORE_CLOSED`. Closing twice is allowed. */
  close(): Promise<void>;
}
