import TinyQueue from 'tinyqueue';

/** Characters and pairs that occur less often than this are left alone. */
export const LEAST_COUNT = 2;

interface Candidate {
  readonly pair: number;
  readonly count: number;
}

/** Words as rows of pieces, and how often each pair of neighbours occurs. */
export class Merges {
  readonly #pieces: string[];
  readonly #numbers: Map<string, number>;
  readonly #words: number[][] = [];
  readonly #counts: number[] = [];
  readonly #pairs = new Map<number, { count: number; readonly words: Set<number> }>();
  readonly #queue: TinyQueue<Candidate>;

  constructor(words: Map<string, number>, alphabet: readonly string[]) {
    this.#pieces = [...alphabet];
    this.#numbers = new Map(alphabet.map((piece, number) => [piece, number]));
    for (const [word, count] of words) {
      const pieces = [...word].map((c, i) => this.#numbers.get(i === 0 ? c : `##${c}`));
      if (pieces.length < 2 || pieces.includes(undefined)) continue;
      this.#words.push(pieces as number[]);
      this.#counts.push(count);
      this.#count(this.#words.length - 1, 1);
    }
    const candidates = [...this.#pairs].map(([pair, { count }]) => ({ pair, count }));
    this.#queue = new TinyQueue(candidates, (a, b) => this.#compare(a, b));
  }

  /** Merges the most frequent pair; undefined when every pair occurs only once. */
  next(): string | undefined {
    for (let top = this.#queue.pop(); top !== undefined; top = this.#queue.pop()) {
      const entry = this.#pairs.get(top.pair);
      if (entry === undefined || entry.count <= 0) continue;
      // Counts fall as neighbours are merged: an entry that is out of date goes back with its true count.
      if (entry.count !== top.count) {
        this.#queue.push({ pair: top.pair, count: entry.count });
        continue;
      }
      return top.count < LEAST_COUNT ? undefined : this.#merge(top.pair);
    }
    return undefined;
  }

  #merge(pair: number): string {
    const [left, right] = this.#split(pair);
    const piece = this.#pieces[left] + this.#pieces[right].slice(2);
    let number = this.#numbers.get(piece);
    if (number === undefined) {
      number = this.#pieces.push(piece) - 1;
      this.#numbers.set(piece, number);
    }
    const changed = new Set<number>();
    for (const word of this.#pairs.get(pair)?.words ?? []) {
      this.#count(word, -1);
      const pieces = this.#words[word];
      const merged: number[] = [];
      for (let i = 0; i < pieces.length; i++) {
        const both = pieces[i] === left && pieces[i + 1] === right;
        merged.push(both ? number : pieces[i]);
        if (both) i++;
      }
      this.#words[word] = merged;
      for (const next of this.#count(word, 1)) changed.add(next);
    }
    this.#pairs.delete(pair);
    for (const next of changed) {
      const count = this.#pairs.get(next)?.count ?? 0;
      if (count > 0) this.#queue.push({ pair: next, count });
    }
    return piece;
  }

  /** Adds (1) or takes off (-1) a word's pairs; returns those that hold a piece made last. */
  #count(word: number, sign: 1 | -1): number[] {
    const pieces = this.#words[word];
    const newest = this.#pieces.length - 1;
    const fresh: number[] = [];
    for (let i = 0; i + 1 < pieces.length; i++) {
      const pair = pieces[i] * 2 ** 26 + pieces[i + 1];
      let entry = this.#pairs.get(pair);
      if (entry === undefined) {
        entry = { count: 0, words: new Set() };
        this.#pairs.set(pair, entry);
      }
      entry.count += sign * this.#counts[word];
      if (sign === 1) entry.words.add(word);
      else entry.words.delete(word);
      if (pieces[i] === newest || pieces[i + 1] === newest) fresh.push(pair);
    }
    return fresh;
  }

  #split(pair: number): [left: number, right: number] {
    return [Math.floor(pair / 2 ** 26), pair % 2 ** 26];
  }

  /** Most frequent first; of ties, the pair that comes first in order of code units. */
  #compare(a: Candidate, b: Candidate): number {
    if (a.count !== b.count) return b.count - a.count;
    const text = ({ pair }: Candidate): string => {
      const [left, right] = this.#split(pair);
      return `${this.#pieces[left]} ${this.#pieces[right]}`;
    };
    return text(a) < text(b) ? -1 : 1;
  }
}
