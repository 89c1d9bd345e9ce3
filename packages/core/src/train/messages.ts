import type { NestbitErrorCode } from '../errors.ts';
import type { TrainRecord } from './data/records.ts';
import type { Retention } from './measure/retention.ts';
import type { TrainProgress, TrainSettings } from './settings.ts';

/** What the leader's thread is started with. */
export interface LeaderData {
  readonly settings: TrainSettings;
  /** int32, shared: 1 when the run is to end. */
  readonly abort: Int32Array;
}

export type ToLeader =
  | { readonly type: 'records'; readonly records: readonly TrainRecord[] }
  | { readonly type: 'end' };

export type FromLeader =
  /** The records that were sent last are taken. */
  | { readonly type: 'taken' }
  | { readonly type: 'progress'; readonly progress: TrainProgress }
  | { readonly type: 'done'; readonly report: TrainReport }
  | { readonly type: 'failed'; readonly code: NestbitErrorCode | undefined; readonly message: string };

/** What a training made. */
export interface TrainReport {
  /** The model folder. */
  readonly out: string;
  readonly dimensions: readonly number[];
  /** Tokens of the vocabulary. */
  readonly vocabulary: number;
  /** Pairs that were trained on. */
  readonly pairs: number;
  /** Pairs of a text with itself, which were left out. */
  readonly identical: number;
  readonly steps: number;
  /** Mean loss of about the last twenty steps. */
  readonly loss: number;
  readonly seconds: number;
  readonly retention: Retention;
}
