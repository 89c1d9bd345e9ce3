import { setImmediate } from 'node:timers/promises';

/** The calls of a store under way: writes one after another, reads beside them, and an end that waits for all. */
export class Calls {
  readonly #running = new Set<Promise<unknown>>();
  /** When the last call in turn ends, and when its work begins. */
  #queue: Promise<unknown> = Promise.resolve();
  #begun: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Runs beside everything else. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const result = work();
    this.#running.add(result);
    try {
      return await result;
    } finally {
      this.#running.delete(result);
    }
  }

  /**
   * Runs after the calls in turn before it, whatever became of them.
   *
   * @param ahead runs once the call before it has begun: what changes nothing that a call does. When it fails, the work
   * goes without
   */
  async inTurn<T, A = undefined>(
    work: (ahead: A | undefined) => Promise<T>,
    ahead?: () => Promise<A>,
  ): Promise<T> {
    const early =
      ahead &&
      this.#begun
        .then(async () => {
          // Behind what the work asks for at once, such as the only connection.
          await setImmediate();
          return await ahead();
        })
        .catch(() => undefined);
    const begun = this.#queue.then(() => early);
    const result = begun.then(work);
    this.#begun = begun;
    this.#queue = result.catch(() => {});
    return await result;
  }

  /** Waits for the calls under way, then ends; once. */
  async close(end: () => Promise<void>): Promise<void> {
    this.#closing ??= (async () => {
      await this.#queue;
      await Promise.allSettled([...this.#running]);
      await end();
    })();
    await this.#closing;
  }
}
