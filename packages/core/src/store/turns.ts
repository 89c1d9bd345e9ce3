import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../errors.ts';

/** Milliseconds of computation between two looks at the event loop. */
const SLICE = 4;

/**
 * Lets timers and I/O run between the slices of a long computation on the main thread:
 * `if (turns.due) await turns.give(signal)`, as often as every few ten microseconds.
 */
export class Turns {
  #since = performance.now();

  /** Whether a slice's time is used up. */
  get due(): boolean {
    return performance.now() - this.#since > SLICE;
  }

  /** Waits until the event loop has gone round once. */
  async give(signal?: AbortSignal): Promise<void> {
    await setImmediate();
    this.#since = performance.now();
    throwIfAborted(signal);
  }
}
