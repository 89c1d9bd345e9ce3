import { fstatSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { NestbitError } from '@nestbit/core';
import { callNow } from '../addon/call.ts';
import { addon } from '../addon/native.ts';
import { named } from './failures.ts';

/** A reader that asks whether the lock is held holds it for a moment itself. */
const TRIES = 10;
const PAUSE = 5;

/** The lock of a store's one writer; the system frees it when the process ends, however it ends. */
export class WriterLock {
  readonly #path: string;
  #lock: number | undefined;

  private constructor(path: string, lock: number) {
    this.#path = path;
    this.#lock = lock;
  }

  /** @throws NestbitError `STORE_LOCKED`, `PERMISSION_DENIED`, `STORE_FAILED` */
  static async take(path: string): Promise<WriterLock> {
    for (let tries = 0; tries < TRIES; tries++) {
      if (tries > 0) await setTimeout(PAUSE);
      const lock = lockFile(path);
      if (lock !== undefined) return new WriterLock(path, lock);
    }
    throw new NestbitError(
      'STORE_LOCKED',
      `Another writer holds ${path}. Close it first, or open the store with readOnly: true.`,
    );
  }

  /** Whether some writer holds it; undefined where this process may not look. Makes no file. */
  static held(path: string): boolean | undefined {
    return callNow(() => addon().lockHeld(path));
  }

  /**
   * That the folder is still the one that was opened: what is found by its path would else be another store's.
   *
   * @throws NestbitError `STORE_FAILED`
   */
  check(): void {
    if (this.#lock === undefined) return;
    const own = fstatSync(this.#lock);
    const there = statSync(this.#path, { throwIfNoEntry: false });
    if (there?.ino === own.ino && there.dev === own.dev) return;
    throw new NestbitError(
      'STORE_FAILED',
      `${this.#path} is no longer the file that was locked: the store's folder was moved, removed or replaced while ` +
        'it was open. Close the store and open it where it is now; what was acknowledged is in that folder.',
    );
  }

  free(): void {
    const lock = this.#lock;
    this.#lock = undefined;
    if (lock !== undefined) addon().unlockFile(lock);
  }
}

function lockFile(path: string): number | undefined {
  try {
    return callNow(() => addon().lockFile(path));
  } catch (error) {
    throw named(path, error);
  }
}
