import type { Codec, CodecOptions } from '@nestbit/core';
import type { PgIndex } from '../index-build/index-builder.ts';

/** Which table, and which store its codes are in. Once a migration has begun the name of the store is enough. */
export interface ShrinkTarget {
  /** Also `schema.table`. */
  readonly table?: string;
  /** Default: the first schema of the search path that has the table. */
  readonly tableSchema?: string;
  /** Column of the embeddings. Needed with `table`. */
  readonly column?: string;
  /** Default: the primary key. */
  readonly id?: string;
  /** Name of the store. Default: that of the table. */
  readonly name?: string;
  /** Schema of nestbit's tables. Default `nestbit`. */
  readonly schema?: string;
}

/** What the codes are to be; looked at when the store is made, and kept with it. */
export interface ShrinkMaking {
  /** Default: one calibrated on a sample of the table. */
  readonly codec?: Codec;
  /** Dimensions to keep, the first ones. Default: all. */
  readonly dimensions?: number;
  /** Default `hadamard`. `none` (with center `none`) for bits that SQL can compute. */
  readonly rotation?: 'hadamard' | 'none';
  /** Default `mean`. */
  readonly center?: 'mean' | 'none';
  /**
   * What a row keeps beside its bits for the last stage of a search. Default: that of `Calibration.codec`. `int4` halves
   * the sidecar; `none` leaves bits and scalars alone, for searches that end in the table's own floats.
   */
  readonly copy?: NonNullable<CodecOptions['copy']>;
  /** Identity of the model, kept in the codec's fingerprint. */
  readonly model?: string;
  /** Rows that the codec is calibrated on. Default 10 000. More cost seconds and bring little. */
  readonly sampleRows?: number;
  /** Index on the bits; `none` leaves it out. Default HNSW where pgvector is there. */
  readonly index?: PgIndex | 'none';
  /**
   * The trigger also computes the bits of rows that have a code, so that bits are never stale: needs rotation and
   * center `none`, and a vector or halfvec column. Default false: writers pay nothing for it.
   */
  readonly bitsInTrigger?: boolean;
  /**
   * Whether writers tell the workers of changes by NOTIFY. A transaction that has notified cannot be prepared (two-phase
   * commit). Default: only where the server allows no prepared transactions; workers then poll.
   */
  readonly notify?: boolean;
}

/** How the backfill goes. */
export interface ShrinkPace {
  /** Ranges under way at once, each with two connections. Default 2. */
  readonly workers?: number;
  /** Rows a second at most, of all workers. Default: no limit. */
  readonly rowsPerSecond?: number;
  /** Milliseconds that the transaction of one range should take; the size of ranges adapts. Default 250. */
  readonly rangeMilliseconds?: number;
  /** Waits while a replica is behind by more than this. Default 10 s. */
  readonly maxReplicaLagSeconds?: number;
}

/** How far a migration is. */
export interface ShrinkProgress {
  readonly step: 'calibrate' | 'sync' | 'backfill' | 'sweep' | 'index' | 'paused' | 'waiting' | 'ready';
  /** Rows, or for the index a share of 1. */
  readonly done: number;
  readonly total: number;
  readonly note?: string;
}

export interface StartOptions extends ShrinkMaking, ShrinkPace {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ShrinkProgress) => void;
}
