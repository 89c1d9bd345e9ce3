/** Wakes those who wait for work. */
export class Bell {
  readonly #waiting = new Set<() => void>();

  ring(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /**
   * Waits, at most so long; whether it was woken.
   *
   * @param stopping once aborted, nobody waits: ring after that
   * @param wakes false: a ring wakes only when stopping
   */
  async wait(milliseconds: number, stopping: AbortSignal, wakes = true): Promise<boolean> {
    if (stopping.aborted) return false;
    return await new Promise<boolean>((resolve) => {
      const end = (woken: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve(woken);
      };
      const wake = (): void => {
        if (wakes || stopping.aborted) end(true);
      };
      const timer = setTimeout(() => end(false), milliseconds);
      this.#waiting.add(wake);
    });
  }
}
