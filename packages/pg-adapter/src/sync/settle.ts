import { setTimeout as sleep } from 'node:timers/promises';
import { NestbitError, throwIfAborted } from '@nestbit/core';
import { type Claim, claimSome, extendLease, giveBack, moveChanges, noteFailure } from './claim.ts';
import { isOfRows } from './failures.ts';
import { finishRows } from './finish.ts';
import type { Follow } from './follow.ts';
import { type Prepared, prepareRows } from './prepare.ts';

export interface SettleOptions {
  /** Rows of a claim. */
  readonly batch: number;
  /** A worker that says nothing for so long loses its claim. */
  readonly leaseSeconds: number;
  /** Failures after which a row is set aside. */
  readonly maxAttempts: number;
  /** Pause after a row's first failure; it doubles. */
  readonly pauseSeconds: number;
  /** Longest time for which rows of the queue are locked while codes are written, about, in milliseconds. */
  readonly holdMs: number;
}

export const SETTLE_DEFAULTS: SettleOptions = {
  batch: 512,
  leaseSeconds: 30,
  maxAttempts: 5,
  pauseSeconds: 1,
  holdMs: 50,
};

/** What became of a claim. */
export interface Settled {
  readonly claimed: number;
  readonly written: number;
  readonly removed: number;
  readonly unchanged: number;
  /** Changed again meanwhile. */
  readonly again: number;
  readonly bad: number;
  readonly failed: number;
  readonly setAside: number;
  /** Milliseconds of encoding. */
  readonly encoding: number;
  readonly errors: readonly Error[];
  /** Rows that were being changed when their turn came: they are given back later. */
  readonly left: { readonly token: string; readonly ids: readonly string[] } | undefined;
}

/** Tries to lock rows of the queue that others hold, before they are given back. */
const FINISH_TRIES = 3;

const NOTHING: Omit<Settled, 'errors' | 'left'> = {
  claimed: 0,
  written: 0,
  removed: 0,
  unchanged: 0,
  again: 0,
  bad: 0,
  failed: 0,
  setAside: 0,
  encoding: 0,
};

/**
 * One round: claims changes, reads and encodes what their rows are now without holding a lock, writes in short
 * transactions. Rows that fail are tried again later, in smaller parts each time, until the bad one is alone.
 */
export async function settle(
  follow: Follow,
  options: SettleOptions,
  pace: Pace,
  signal?: AbortSignal,
): Promise<Settled> {
  const { pool, sync } = follow;
  if (follow.appends && pace.moves()) {
    await moveChanges(pool, sync);
    pace.moved();
  }
  const claim = await claimSome(pool, sync, options.batch, options.leaseSeconds);
  pace.claimed(claim.rows.size, options.batch);
  if (claim.rows.size === 0) return { ...NOTHING, errors: [], left: undefined };
  const heartbeat = setInterval(
    () => void extendLease(pool, sync, claim, options.leaseSeconds).catch(() => {}),
    (options.leaseSeconds * 1000) / 3,
  );
  heartbeat.unref();
  const total = { ...NOTHING, claimed: claim.rows.size };
  const errors: Error[] = [];
  const left = new Set(claim.rows.keys());
  try {
    for (const part of partsOf(claim, options.batch)) {
      try {
        const prepared = await prepareRows(follow, part, signal);
        total.encoding += prepared.encoding;
        total.bad += prepared.bad.length;
        let ids = part;
        for (let tries = 0; ids.length > 0 && tries < FINISH_TRIES; tries++) {
          // Another worker's claim may have looked at them this moment; its transaction is short.
          if (tries > 0) await sleep(5 * 4 ** tries * Math.random());
          for await (const finished of finishParts(follow, claim, prepared, ids, options, pace)) {
            total.written += finished.written;
            total.removed += finished.removed;
            total.unchanged += finished.unchanged;
            total.again += finished.again;
            for (const id of finished.done) left.delete(id);
          }
          ids = ids.filter((id) => left.has(id));
        }
      } catch (error) {
        throwIfAborted(signal);
        if (!isOfRows(error)) throw error;
        errors.push(error as Error);
        const ids = part.filter((id) => left.has(id));
        for (const id of ids) left.delete(id);
        total.failed += ids.length;
        total.setAside += await noteFailure(pool, sync, claim.token, ids, (error as Error).message, options);
      }
    }
  } catch (error) {
    await giveBack(pool, sync, claim.token, [...left]).catch(() => {});
    throw error;
  } finally {
    clearInterval(heartbeat);
  }
  return {
    ...total,
    errors,
    left: left.size === 0 ? undefined : { token: claim.token, ids: [...left] },
  };
}

/** New rows together; those that failed in ever smaller parts, so that one that always fails is soon alone. */
function partsOf(claim: Claim, batch: number): string[][] {
  const parts: string[][] = [];
  const open = new Map<number, string[]>();
  for (const [id, { attempts }] of claim.rows) {
    const size = attempts === 0 ? batch : Math.max(1, Math.floor(batch / 16 ** attempts));
    let part = open.get(size);
    if (part === undefined || part.length >= size) {
      part = [];
      open.set(size, part);
      parts.push(part);
    }
    part.push(id);
  }
  return parts;
}

/** While the queue has enough for every claim, appended changes are moved into it this often, in ms. */
const MOVE_EVERY = 100;

/** What a worker learns as it goes: how many rows a transaction takes, and whether the queue has work. */
export class Pace {
  /** Rows written in one transaction: as many as keep the locks short. */
  rows = 128;
  #enough = false;
  #movedAt = 0;

  /** Whether appended changes are to be moved before the next claim. */
  moves(): boolean {
    return !this.#enough || performance.now() - this.#movedAt > MOVE_EVERY;
  }

  moved(): void {
    this.#movedAt = performance.now();
  }

  claimed(rows: number, wanted: number): void {
    this.#enough = rows === wanted;
  }

  learn(rows: number, milliseconds: number, holdMs: number): void {
    if (rows < this.rows && milliseconds < holdMs) return;
    this.rows = Math.round(
      Math.min(4096, Math.max(8, this.rows / 2, Math.min(2 * this.rows, (rows * holdMs) / milliseconds))),
    );
  }
}

/** Tries to write while another writer is at the same codes. */
const TRIES = 20;

async function* finishParts(
  follow: Follow,
  claim: Claim,
  prepared: Prepared,
  part: readonly string[],
  { holdMs }: SettleOptions,
  pace: Pace,
): AsyncGenerator<Awaited<ReturnType<typeof finishRows>> & { readonly done: readonly string[] }> {
  for (let first = 0, tries = 0; first < part.length; ) {
    const ids = part.slice(first, first + pace.rows);
    const begun = performance.now();
    try {
      const finished = await finishRows(follow, claim, prepared, ids);
      pace.learn(ids.length, performance.now() - begun, holdMs);
      const left = new Set(finished.left);
      yield { ...finished, done: ids.filter((id) => !left.has(id)) };
      first += ids.length;
      tries = 0;
    } catch (error) {
      if (!(error instanceof NestbitError) || error.code !== 'TIMEOUT' || ++tries === TRIES) throw error;
      await sleep(50 * Math.random());
    }
  }
}

/** Settles some of the changes that wait, once. Gives how many were claimed: 0 when none wait. */
export async function settleSome(follow: Follow, limit: number = SETTLE_DEFAULTS.batch): Promise<number> {
  const settled = await settle(follow, { ...SETTLE_DEFAULTS, batch: limit }, new Pace());
  if (settled.left !== undefined)
    await giveBack(follow.pool, follow.sync, settled.left.token, settled.left.ids);
  return settled.claimed;
}
