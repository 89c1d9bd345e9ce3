import { NestbitError } from '../../errors.ts';
import { badLine, readJsonl } from '../../files/jsonl.ts';

/** Two texts that belong together: a question and its answer, a title and its body. */
export interface Pair {
  readonly anchor: string;
  readonly positive: string;
}

/** Two texts and how alike they are; only the order of the scores counts. */
export interface ScoredPair extends Pair {
  readonly score: number;
}

/** A pair with texts that look right and are wrong answers; every record has as many. */
export interface Triplet extends Pair {
  readonly negatives: readonly string[];
}

/** A text that pairs are made of: its title and it, its sentences and the rest of it, it and the next passage. */
export interface Passage {
  readonly text: string;
  readonly title?: string;
}

export type TrainRecord = Pair | ScoredPair | Triplet | Passage;

/** The names that data sets of pairs use for their two columns. */
const COLUMNS = [
  ['anchor', 'positive'],
  ['query', 'positive'],
  ['query', 'answer'],
  ['question', 'answer'],
  ['sentence1', 'sentence2'],
] as const;

/**
 * Streams training records of a JSONL file, also gzipped: `{ anchor, positive, score? }` (or `query`, `question`,
 * `answer`, `sentence1`, `sentence2`), with hard negatives in `negative`, `negative_1`, … or a list `negatives`, or
 * passages `{ text, title? }`; other fields are passed over.
 *
 * @throws NestbitError `JSONL_INVALID` with the line, `FILE_NOT_FOUND`, `ABORTED`
 */
export async function* readTrainRecords(path: string, signal?: AbortSignal): AsyncGenerator<TrainRecord> {
  for await (const { line, value } of readJsonl(path, signal)) {
    const record = recordOf(value);
    if (typeof record === 'string') throw badLine(path, line, record);
    yield record;
  }
}

/** Checks records that do not come from a file. */
export function checkRecord(value: unknown, number: number): TrainRecord {
  const record =
    typeof value === 'object' && value !== null
      ? recordOf(value as Record<string, unknown>)
      : 'it is no object';
  if (typeof record !== 'string') return record;
  throw new NestbitError('DATASET_INVALID', `Training record ${number}: ${record}.`);
}

function recordOf(value: Record<string, unknown>): TrainRecord | string {
  const columns = COLUMNS.find(([left, right]) => value[left] !== undefined && value[right] !== undefined);
  if (columns === undefined) {
    if (typeof value['text'] !== 'string') return 'it has neither "anchor" and "positive" nor "text"';
    const title = value['title'];
    if (title !== undefined && title !== null && typeof title !== 'string') return 'its "title" is no string';
    return typeof title === 'string' ? { text: value['text'], title } : { text: value['text'] };
  }
  const [anchor, positive] = columns.map((name) => value[name]);
  if (typeof anchor !== 'string' || typeof positive !== 'string') {
    return `its "${columns[0]}" and "${columns[1]}" are not both strings`;
  }
  const { score } = value;
  const negatives = negativesOf(value);
  if (typeof negatives === 'string') return negatives;
  if (negatives.length > 0 && score !== undefined && score !== null)
    return 'it has a "score" and negatives, which belong to different losses';
  if (negatives.length > 0) return { anchor, positive, negatives };
  if (score === undefined || score === null) return { anchor, positive };
  if (typeof score !== 'number' || !Number.isFinite(score)) return 'its "score" is no finite number';
  return { anchor, positive, score };
}

/** `negative`, `negative_1`, `negative_2`, … and `negatives`, as data sets for sentence-transformers have them. */
function negativesOf(value: Record<string, unknown>): readonly string[] | string {
  const { negatives: list = [] } = value;
  const names = Object.keys(value)
    .filter((name) => /^negative(_\d+)?$/.test(name) && value[name] !== null)
    .sort((a, b) => Number(a.slice(9)) - Number(b.slice(9)));
  if (!Array.isArray(list)) return 'its "negatives" are no list of strings';
  const all: unknown[] = [...names.map((name) => value[name]), ...list];
  const wrong = all.some((negative) => typeof negative !== 'string' || negative.trim() === '');
  return wrong ? 'a negative of it is not a text' : (all as string[]);
}
