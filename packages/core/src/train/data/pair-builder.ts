import { NestbitError } from '../../errors.ts';
import type { Passage, TrainRecord, Triplet } from './records.ts';
import { sentencesOf } from './sentences.ts';

/** Sentences of one passage that become anchors, at most; of more, evenly spread ones. */
const SENTENCES = 8;
/** Words that a sentence needs to say what it is about. */
const LEAST_WORDS = 4;

/** Pairs of numbered texts; every text is there once. */
export interface TextPairs {
  readonly texts: readonly string[];
  /** Numbers of texts. */
  readonly anchors: readonly number[];
  readonly positives: readonly number[];
  /** One a pair, of scored pairs. */
  readonly scores: readonly number[] | undefined;
  /** Numbers of the hard negatives' texts, `negativesEach` a pair. */
  readonly negatives: readonly number[];
  readonly negativesEach: number;
  /** Pairs of a text with itself, which were left out. */
  readonly identical: number;
  /** Pairs from this one on are of neighbouring passages, which may have nothing to do with one another. */
  readonly neighboursFrom: number;
}

type Kind = 'pairs' | 'scored pairs' | 'triplets' | 'passages';

/** Gathers pairs from records; passages are turned into pairs here. */
export class PairBuilder {
  readonly #numbers = new Map<string, number>();
  readonly #anchors: number[] = [];
  readonly #positives: number[] = [];
  readonly #scores: number[] = [];
  readonly #negatives: number[] = [];
  #negativesEach: number | undefined;
  #identical = 0;
  readonly #neighbours: number[] = [];
  #kind: Kind | undefined;
  #previous: number | undefined;

  /** @throws NestbitError `DATASET_INVALID` for records of another kind than the first */
  add(record: TrainRecord): void {
    const kind = kindOf(record);
    this.#kind ??= kind;
    if (kind !== this.#kind) {
      throw new NestbitError(
        'DATASET_INVALID',
        `These records are ${this.#kind}, then ${kind} come; train on one kind at a time.`,
      );
    }
    if ('text' in record) this.#addPassage(record);
    else if ('negatives' in record) this.#addTriplet(record);
    else if (this.#addPair(record.anchor, record.positive) && 'score' in record)
      this.#scores.push(record.score);
  }

  build(): TextPairs {
    const neighboursFrom = this.#anchors.length;
    for (let i = 0; i < this.#neighbours.length; i += 2) {
      this.#anchors.push(this.#neighbours[i]);
      this.#positives.push(this.#neighbours[i + 1]);
    }
    return {
      texts: [...this.#numbers.keys()],
      anchors: this.#anchors,
      positives: this.#positives,
      scores: this.#kind === 'scored pairs' ? this.#scores : undefined,
      neighboursFrom,
      negatives: this.#negatives,
      negativesEach: this.#negativesEach ?? 0,
      identical: this.#identical,
    };
  }

  #addTriplet({ anchor, positive, negatives }: Triplet): void {
    this.#negativesEach ??= negatives.length;
    if (negatives.length !== this.#negativesEach)
      throw new NestbitError(
        'DATASET_INVALID',
        `A record has ${negatives.length} negatives, and those before it ${this.#negativesEach}; give all as many.`,
      );
    if (!this.#addPair(anchor, positive)) return;
    for (const negative of negatives) this.#negatives.push(this.#number(negative));
  }

  #addPassage({ text, title = '' }: Passage): void {
    this.#addPair(title, text);
    const sentences = sentencesOf(text);
    const step = Math.max(1, sentences.length / SENTENCES);
    for (let at = 0; sentences.length > 1 && at < sentences.length; at += step) {
      const chosen = Math.floor(at);
      if (sentences[chosen].split(' ').length < LEAST_WORDS) continue;
      this.#addPair(sentences[chosen], sentences.filter((_, i) => i !== chosen).join(' '));
    }
    if (text.trim() === '') return;
    const number = this.#number(text);
    if (this.#previous !== undefined && this.#previous !== number) {
      this.#neighbours.push(this.#previous, number);
    }
    this.#previous = number;
  }

  /** A text paired with itself, or with none, teaches nothing. */
  #addPair(anchor: string, positive: string): boolean {
    if (anchor === positive) this.#identical++;
    if (anchor.trim() === '' || positive.trim() === '' || anchor === positive) return false;
    this.#anchors.push(this.#number(anchor));
    this.#positives.push(this.#number(positive));
    return true;
  }

  #number(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(text, number);
    }
    return number;
  }
}

function kindOf(record: TrainRecord): Kind {
  if ('text' in record) return 'passages';
  if ('negatives' in record) return 'triplets';
  return 'score' in record ? 'scored pairs' : 'pairs';
}
