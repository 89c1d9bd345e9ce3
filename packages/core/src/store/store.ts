import type { Codec } from '../codec/codec.ts';
import type { Codes, Id } from '../codec/types.ts';
import type { Filter } from './filter.ts';
import type { BatchInput, IdInput, VectorInput } from './inputs.ts';
import type { Payload } from './payload.ts';

/**
 * Rows to store: embeddings for the store's codec, or codes that it made. `upsert` takes ids, payloads and codes as they
 * are when it is called. It does not copy embeddings and the insides of payloads: they must not change before its
 * promise has resolved, or what is stored of their rows is undefined (whole rows, or an error and none).
 */
export type Batch = {
  /** One a row, none twice. `upsert` also takes safe integers, as bigints. */
  readonly ids: readonly Id[];
  /** JSON objects beside the codes, one a row where given; filters look at their fields. */
  readonly payloads?: readonly (Payload | undefined)[];
} & (
  | {
      /** rows × inputDimensions, row-major. `upsert` also takes one array for each row. */
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
  /** Widths: `codec.layout`. */
  readonly bits: Uint8Array;
  readonly scalars: Uint8Array;
  readonly copy: Uint8Array;
}

export interface Hit {
  readonly id: Id;
  /**
   * Cosine similarity with the row's copy, in [−1, 1], higher is better; the same in every store of a codec. With the
   * copy `none`, what the bits estimate.
   */
  readonly score: number;
  /** With the search option `payloads`. */
  readonly payload?: Payload | undefined;
}

export interface SearchOptions {
  /** Hits wanted: 1 … 10 000. Default 10. */
  readonly k?: number;
  /**
   * k × oversample candidates (at most 1 000 000, and at most `prefilter`) have their copies read. More costs reads
   * and finds more. 1 or more; default 20.
   */
  readonly oversample?: number;
  /**
   * Hamming candidates, k … 10 000 000. More costs time in the bit score and finds more. Default
   * 8 × k × oversample.
   */
  readonly prefilter?: number;
  /** Only rows whose payload passes. */
  readonly filter?: Filter;
  /** Return payloads with the hits. Default false. */
  readonly payloads?: boolean;
  readonly signal?: AbortSignal;
}

/** What a backend adds to the contract or leaves out. New flags come with a default, so none is required. */
export interface Capabilities {
  /** Rows outlive the process once `upsert` has resolved. Default false. */
  readonly durable?: boolean;
  /** The Hamming stage may miss candidates (an approximate index). Default false. */
  readonly approximate?: boolean;
  /** Kinds of ids that one store can hold. Default both. */
  readonly ids?: readonly ('bigint' | 'string')[];
}

/**
 * What every backend does; `storeContract` of `@nestbit/core/testing` is its test. Calls may overlap: each
 * one sees the whole of a batch or nothing of it.
 */
export interface Store extends AsyncDisposable {
  readonly codec: Codec;
  readonly capabilities: Capabilities;
  /**
   * Stores rows by id; the last write of an id wins. All of the batch or, with an error, nothing of it;
   * durable (where the backend is) when the promise resolves.
   *
   * @throws NestbitError `BATCH_EMPTY`, `BATCH_SHAPE`, `ID_DUPLICATE`, `ID_INVALID`, `PAYLOAD_INVALID`,
   * `VECTOR_ZERO`, `VECTOR_NOT_FINITE`, `CODEC_MISMATCH`, `ABORTED`, `STORE_CLOSED`
   */
  upsert(batch: BatchInput, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Removes rows; returns how many there were. All of them or, with an error, none.
   *
   * @throws NestbitError `ID_INVALID`, `ABORTED`, `STORE_CLOSED`
   */
  delete(ids: readonly IdInput[], options?: { readonly signal?: AbortSignal }): Promise<number>;
  /**
   * Stored rows in the order of the ids, undefined where there is none; copies, the caller's to change.
   *
   * @throws NestbitError `ID_INVALID`, `ABORTED`, `STORE_CLOSED`
   */
  get(
    ids: readonly IdInput[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<(StoredRow | undefined)[]>;
  /**
   * The best k rows for each query, best first: Hamming scan, bit score, rescore. Fewer than k only
   * where fewer rows pass the filter. Of candidates or hits that tie, the row written first goes first; an
   * upsert writes its rows anew, in the order of the batch.
   *
   * @param queries rows × inputDimensions, row-major; one query as an array of numbers; or one array for each query
   * @throws NestbitError `SEARCH_LIMIT`, `FILTER_FIELD`, `FILTER_OPERATOR`, `FILTER_VALUE`, and those of a batch
   */
  search(queries: VectorInput, options?: SearchOptions): Promise<Hit[][]>;
  /**
   * The hits of one query: `search` without the outer array.
   *
   * @param query inputDimensions values
   * @throws NestbitError as `search`; `BATCH_SHAPE` for several queries
   */
  searchOne(query: Float32Array | readonly number[], options?: SearchOptions): Promise<Hit[]>;
  /** Rows stored. */
  size(): Promise<number>;
  /** Ends after the calls under way and releases everything; later calls are `STORE_CLOSED`, but not `close`. */
  close(): Promise<void>;
  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
