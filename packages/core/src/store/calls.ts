/** The calls of a store under way: writes one after another, reads beside them, and an end that waits for all. */
export class Calls {
  readonly #running = new Set<Promise<unknown>>();
  /** When the last call in turn ends, and when it has its turn. */
  #queue: Promise<unknown> = Promise.resolve();
  #turn: Promise<unknown> = Promise.resolve();
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
   * @param ahead runs before, when the call before it has its turn: what changes nothing that a call does. The turn
   * comes without it, when it fails
   */
  async inTurn<T, A = undefined>(
    work: (ahead: A | undefined) => Promise<T>,
    ahead?: () => Promise<A>,
  ): Promise<T> {
    const turn = this.#queue;
    const early = ahead === undefined ? undefined : this.#turn.then(ahead).catch(() => undefined);
    const result = turn.then(async () => work(await early));
    this.#queue = result.catch(() => {});
    this.#turn = turn;
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
