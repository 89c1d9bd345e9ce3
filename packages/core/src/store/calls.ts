/** The calls of a store under way: writes one after another, reads beside them, and an end that waits for all. */
export class Calls {
  readonly #running = new Set<Promise<unknown>>();
  #queue: Promise<unknown> = Promise.resolve();
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

  /** Runs after the calls in turn before it, whatever became of them. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work, work);
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
