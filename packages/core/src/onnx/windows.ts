import { wrongType } from '../errors.ts';

/** Texts sent to a worker at a time: few enough that posting them never holds up the main thread. */
const WINDOW_TEXTS = 256;
const WINDOW_CHARACTERS = 500_000;

/** Consecutive records and their texts. */
export interface Window<T> {
  readonly records: T[];
  readonly texts: string[];
}

/** Reads a source of records window by window. */
export class Windows<T> {
  readonly #records: AsyncIterator<T> | Iterator<T>;
  readonly #textOf: (record: T) => string;
  #index = 0;
  #reading = false;
  #ended = false;

  constructor(source: AsyncIterable<T> | Iterable<T>, textOf: (record: T) => string) {
    if (typeof textOf !== 'function') throw wrongType(`textOf must be a function, got ${typeof textOf}`);
    this.#records = iteratorOf(source);
    this.#textOf = textOf;
  }

  /** The next window; undefined at the end. */
  async next(): Promise<Window<T> | undefined> {
    const records: T[] = [];
    const texts: string[] = [];
    let characters = 0;
    while (!this.#ended && texts.length < WINDOW_TEXTS && characters < WINDOW_CHARACTERS) {
      const record = await this.#read();
      if (record.done) break;
      const text = this.#textOf(record.value);
      if (typeof text !== 'string') {
        throw wrongType(`text ${this.#index} is of type ${typeof text}, not string`);
      }
      this.#index++;
      records.push(record.value);
      texts.push(text);
      characters += text.length;
    }
    return texts.length > 0 ? { records, texts } : undefined;
  }

  /** Lets a source that was not read to its end clean up. One that keeps a read waiting is not waited for. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const closed = Promise.resolve(this.#records.return?.());
    if (this.#reading) closed.catch(() => {});
    else await closed;
  }

  async #read(): Promise<IteratorResult<T>> {
    let ended = true;
    this.#reading = true;
    try {
      const record = await this.#records.next();
      ended = record.done === true;
      return record;
    } finally {
      this.#reading = false;
      // A source that failed has ended too.
      this.#ended ||= ended;
    }
  }
}

function iteratorOf<T>(source: AsyncIterable<T> | Iterable<T>): AsyncIterator<T> | Iterator<T> {
  // A string is iterable too, but by its letters.
  const records = typeof source === 'object' && source !== null ? source : undefined;
  const opened =
    (records as Partial<AsyncIterable<T>> | undefined)?.[Symbol.asyncIterator]?.() ??
    (records as Partial<Iterable<T>> | undefined)?.[Symbol.iterator]?.();
  if (opened !== undefined) return opened;
  throw wrongType(`source must be an iterable or async iterable of records, got ${typeof source}`);
}
