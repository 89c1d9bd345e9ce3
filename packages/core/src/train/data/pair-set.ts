import { NestbitError } from '../../errors.ts';
import type { TextPairs } from './pair-builder.ts';

/** Pairs of tokenized texts. */
export interface PairSet {
  /** Token ids of all texts, one after the other; text t has those from starts[t] to starts[t + 1]. */
  readonly ids: Int32Array;
  readonly starts: Int32Array;
  /** Numbers of texts, one a pair. */
  readonly anchors: Int32Array;
  readonly positives: Int32Array;
  readonly scores: Float64Array | undefined;
  /** Numbers of texts, `negativesEach` a pair. */
  readonly negatives: Int32Array;
  readonly negativesEach: number;
  /** ln((texts + 1) / (texts that hold the token + 1)), one a token. */
  readonly idf: Float64Array;
}

/** Share of its weight that a text must have in common with the next passage to count as its context. */
const COMMON = 0.1;

/**
 * Tokenizes the texts and drops those pairs of neighbouring passages that share no telling word.
 *
 * @param tokenize ids of a text, each below `vocabulary`; cut to `maxLength`
 * @throws NestbitError `DATASET_INVALID`
 */
export function pairSetOf(
  pairs: TextPairs,
  tokenize: (text: string) => readonly number[],
  vocabulary: number,
  maxLength: number,
): PairSet {
  const starts = new Int32Array(pairs.texts.length + 1);
  let ids = new Int32Array(1 << 16);
  const frequency = new Float64Array(vocabulary);
  const seen = new Int32Array(vocabulary).fill(-1);
  pairs.texts.forEach((text, number) => {
    const tokens = tokenize(text).slice(0, maxLength);
    let end = starts[number];
    if (end + tokens.length > ids.length) ids = grown(ids, end + tokens.length);
    for (const id of tokens) {
      if (!(id >= 0 && id < vocabulary)) throw foreignToken(id, vocabulary);
      ids[end++] = id;
      if (seen[id] !== number) frequency[id]++;
      seen[id] = number;
    }
    starts[number + 1] = end;
  });
  const idf = frequency.map((count) => Math.log((pairs.texts.length + 1) / (count + 1)));
  const tokens = { ids: ids.slice(0, starts[pairs.texts.length]), starts, idf };
  const kept = pairs.anchors.flatMap((anchor, i) =>
    i < pairs.neighboursFrom || related(tokens, anchor, pairs.positives[i]) ? [i] : [],
  );
  return {
    ...tokens,
    anchors: Int32Array.from(kept, (i) => pairs.anchors[i]),
    positives: Int32Array.from(kept, (i) => pairs.positives[i]),
    // Only passages lose pairs here, and they have no negatives.
    negatives: Int32Array.from(pairs.negatives),
    negativesEach: pairs.negativesEach,
    scores: pairs.scores === undefined ? undefined : Float64Array.from(kept, (i) => pairs.scores?.[i] ?? 0),
  };
}

function grown(ids: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  const out = new Int32Array(Math.max(least, 2 * ids.length));
  out.set(ids);
  return out;
}

/** Whether two texts share words that weigh enough: idf² of the common tokens over that of the lighter text. */
function related(
  { ids, starts, idf }: Pick<PairSet, 'ids' | 'starts' | 'idf'>,
  left: number,
  right: number,
): boolean {
  const weigh = (tokens: Iterable<number>): number => {
    let sum = 0;
    for (const id of tokens) sum += idf[id] * idf[id];
    return sum;
  };
  const a = new Set(ids.subarray(starts[left], starts[left + 1]));
  const b = new Set(ids.subarray(starts[right], starts[right + 1]));
  const common = weigh([...a].filter((id) => b.has(id)));
  return common > 0 && common >= COMMON * Math.min(weigh(a), weigh(b));
}

function foreignToken(id: number, vocabulary: number): NestbitError {
  return new NestbitError(
    'MODEL_INVALID',
    `The tokenizer gives token ${id}, but its vocabulary has ${vocabulary} tokens; use the tokenizer.json of one model.`,
  );
}
