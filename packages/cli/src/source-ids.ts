import { type Id, NestbitError } from '@nestbit/core';

/** Entries of one Set: V8 allows 2^24. */
const MOST = 1 << 23;

/** The ids that a source has given: one that comes twice is refused, in whichever batches they are. */
export class SourceIds {
  readonly #path: string;
  readonly #full: Set<Id>[] = [];
  #ids = new Set<Id>();
  #rows = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws NestbitError `ID_DUPLICATE` */
  add(ids: readonly Id[]): void {
    for (const id of ids) {
      if (this.#ids.has(id) || this.#full.some((set) => set.has(id))) {
        throw new NestbitError(
          'ID_DUPLICATE',
          `The id ${String(id)} comes a second time in row ${this.#rows} of ${this.#path}; keep the row that is to win. ` +
            'Earlier batches are stored; once the file is mended, the same command stores all of it.',
        );
      }
      this.#ids.add(id);
      this.#rows++;
      if (this.#ids.size < MOST) continue;
      this.#full.push(this.#ids);
      this.#ids = new Set();
    }
  }
}
