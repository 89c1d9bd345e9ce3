import { throwIfAborted } from '../errors.ts';

/** Milliseconds of computation between two looks at the event loop, of all long computations together. */
const SLICE = 4;

let since = performance.now();
const waiting: (() => void)[] = [];

/**
 * Lets timers and I/O run between the slices of a long computation on the main thread:
 * `if (turns.due) await turns.give(signal)`, as often as every few ten microseconds. Those that wait go on one at
 * a time, each in a round of the event loop of its own, in the order in which they came.
 */
export class Turns {
  /** Whether a slice's time is used up. */
  get due(): boolean {
    return performance.now() - since > SLICE;
  }

  /** Waits until the event loop has gone round once. */
  async give(signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resume) => {
      if (waiting.push(resume) === 1) setImmediate(resumeFirst);
    });
    throwIfAborted(signal);
  }
}

function resumeFirst(): void {
  since = performance.now();
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(resumeFirst);
}
