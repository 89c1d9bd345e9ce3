import { NestbitError, outOfRange, wrongType } from '@nestbit/core';
import type { TextEncoder } from './follow.ts';
import { SETTLE_DEFAULTS, type SettleOptions } from './settle.ts';

export interface SyncWorkerOptions extends Partial<SettleOptions> {
  /** The store that follows a table. */
  readonly store: string;
  /** Schema of nestbit's tables. Default `nestbit`. */
  readonly schema?: string;
  /** For a column of text: what encodes it, such as an `Encoder` of `@nestbit/core/onnx`. */
  readonly encoder?: TextEncoder;
  /** Name of the prompt that is put before each text. */
  readonly prompt?: string;
  /** Batches under way at once in this process. Default 2; on PGlite 1. */
  readonly concurrency?: number;
  /** Longest pause between two looks at the queue, in milliseconds. Default 1000. */
  readonly pollMs?: number;
  /** How often it is looked whether the triggers are there and the table is where it was, in milliseconds. Default 60 000. */
  readonly checkMs?: number;
  /** LISTEN on a connection of its own. Default true; false behind PgBouncer in transaction mode. */
  readonly listen?: boolean;
  /** Called with failures of rows and of the database; the worker goes on by itself. Default: a warning of the process. */
  readonly onError?: (error: Error) => void;
}

/** The options with their defaults. */
export type WorkerSettings = SettleOptions &
  Required<Pick<SyncWorkerOptions, 'concurrency' | 'pollMs' | 'checkMs' | 'listen' | 'onError'>>;

/** @throws TypeError, RangeError */
export function checkedOptions(options: SyncWorkerOptions, kind: string, pglite: boolean): WorkerSettings {
  return {
    batch: whole('batch', options.batch ?? (kind === 'text' ? 64 : SETTLE_DEFAULTS.batch), 1, 10_000),
    leaseSeconds: within('leaseSeconds', options.leaseSeconds ?? SETTLE_DEFAULTS.leaseSeconds, 0.1, 86_400),
    maxAttempts: whole('maxAttempts', options.maxAttempts ?? SETTLE_DEFAULTS.maxAttempts, 1, 1000),
    pauseSeconds: within('pauseSeconds', options.pauseSeconds ?? SETTLE_DEFAULTS.pauseSeconds, 0, 3600),
    holdMs: within('holdMs', options.holdMs ?? SETTLE_DEFAULTS.holdMs, 1, 10_000),
    concurrency: pglite ? 1 : whole('concurrency', options.concurrency ?? 2, 1, 64),
    pollMs: within('pollMs', options.pollMs ?? 1000, 1, 3_600_000),
    checkMs: within('checkMs', options.checkMs ?? 60_000, 1, 86_400_000),
    listen: (options.listen ?? true) && !pglite,
    onError: options.onError ?? warn,
  };
}

function warn(error: Error): void {
  const code = error instanceof NestbitError ? error.code : 'ENCODER_FAILED';
  process.emitWarning(`sync: ${error.message}`, { type: 'NestbitWarning', code: `NESTBIT_${code}` });
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value)) return within(name, value, least, most);
  throw typeof value === 'number'
    ? outOfRange(`${name} must be a whole number, got ${value}`)
    : wrongType(`${name} must be a number, got ${typeof value}`);
}

function within(name: string, value: number, least: number, most: number): number {
  if (typeof value !== 'number') throw wrongType(`${name} must be a number, got ${typeof value}`);
  if (value >= least && value <= most) return value;
  throw outOfRange(`${name} must be from ${least} to ${most}, got ${value}`);
}
