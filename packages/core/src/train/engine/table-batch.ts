import type { PairSet } from '../data/pair-set.ts';
import type { Layout } from './layout.ts';

/** Lays the texts of a batch out in the shared memory, and where each of their tokens occurs. */
export class TableBatch {
  readonly #pairs: PairSet;
  readonly #ids: Int32Array;
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;
  readonly #distinct: Int32Array;
  readonly #occurrences: Int32Array;
  readonly #texts: Int32Array;
  /** For each token its place among the distinct ones, or -1. */
  readonly #places: Int32Array;

  constructor(buffer: SharedArrayBuffer, layout: Layout, pairs: PairSet) {
    const ints = (at: number, length: number): Int32Array => new Int32Array(buffer, at, length);
    this.#pairs = pairs;
    this.#ids = ints(layout.ids, layout.tokens);
    this.#starts = ints(layout.starts, 2 * layout.batch + 1);
    this.#lengths = ints(layout.lengths, 2 * layout.batch);
    this.#distinct = ints(layout.distinct, layout.tokens);
    this.#occurrences = ints(layout.occurrences, layout.tokens + 1);
    this.#texts = ints(layout.texts, layout.tokens);
    this.#places = new Int32Array(layout.rows).fill(-1);
  }

  /**
   * @param batch numbers of pairs; the negatives of each follow as pairs without an anchor
   * @returns how many distinct tokens there are
   */
  fill(batch: Int32Array): number {
    const { ids, starts, anchors, positives, negatives, negativesEach } = this.#pairs;
    const slots = batch.length * (1 + negativesEach);
    let end = 0;
    const add = (text: number, slot: number): void => {
      const tokens = ids.subarray(starts[text], starts[text + 1]);
      this.#ids.set(tokens, end);
      this.#starts[slot] = end;
      this.#lengths[slot] = tokens.length;
      end += tokens.length;
    };
    batch.forEach((pair, i) => {
      add(anchors[pair], i);
    });
    for (let slot = batch.length; slot < slots; slot++) {
      this.#starts[slot] = end;
      this.#lengths[slot] = 0;
    }
    batch.forEach((pair, i) => {
      add(positives[pair], slots + i);
    });
    for (let n = 0; n < negativesEach; n++) {
      batch.forEach((pair, i) => {
        add(negatives[pair * negativesEach + n], slots + (n + 1) * batch.length + i);
      });
    }
    this.#starts[2 * slots] = end;
    return this.#invert(end, 2 * slots);
  }

  /** A counting sort of the occurrences by token. */
  #invert(length: number, texts: number): number {
    const places = this.#places;
    const ends = this.#occurrences;
    let distinct = 0;
    for (let i = 0; i < length; i++) {
      const id = this.#ids[i];
      if (places[id] < 0) {
        places[id] = distinct;
        this.#distinct[distinct++] = id;
        ends[distinct] = 0;
      }
      ends[places[id] + 1]++;
    }
    ends[0] = 0;
    for (let token = 0; token < distinct; token++) ends[token + 1] += ends[token];
    // Filled from behind, so that every token's occurrences stay in the order of the texts.
    for (let text = texts - 1; text >= 0; text--) {
      for (let i = this.#starts[text + 1] - 1; i >= this.#starts[text]; i--) {
        this.#texts[--ends[places[this.#ids[i]] + 1]] = text;
      }
    }
    // Each end has moved to its token's start: one step back they are the starts.
    for (let token = 0; token < distinct; token++) ends[token] = ends[token + 1];
    ends[distinct] = length;
    for (let token = 0; token < distinct; token++) places[this.#distinct[token]] = -1;
    return distinct;
  }
}
