import { join } from 'node:path';
import { NestbitError } from '../errors.ts';
import { readLines } from '../files/lines.ts';
import { openFile } from '../files/open-file.ts';
import { readTextRecords, type TextRecord } from '../files/records.ts';

/** A retrieval set in BEIR layout. */
export interface BeirSet {
  /** Streams the documents: title and text, joined by a space. */
  corpus(): AsyncIterable<TextRecord>;
  /** The queries that have judgements. */
  readonly queries: readonly TextRecord[];
  /** Relevance by query id and document id. */
  readonly qrels: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/**
 * Opens a folder of `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`.
 *
 * @throws NestbitError `DATASET_INVALID`, `JSONL_INVALID` with the line, `FILE_NOT_FOUND`
 */
export async function readBeir(folder: string, split: string = 'test'): Promise<BeirSet> {
  const qrels = await readQrels(join(folder, 'qrels', `${split}.tsv`));
  const queries: TextRecord[] = [];
  for await (const query of readTextRecords(join(folder, 'queries.jsonl'))) {
    if (qrels.has(String(query.id))) queries.push(query);
  }
  if (queries.length < qrels.size) {
    throw new NestbitError(
      'DATASET_INVALID',
      `${folder} judges ${qrels.size} queries, of which queries.jsonl has ${queries.length}; use matching files.`,
    );
  }
  return { corpus: () => readTextRecords(join(folder, 'corpus.jsonl')), queries, qrels };
}

async function readQrels(path: string): Promise<Map<string, Map<string, number>>> {
  const handle = await openFile(path);
  const qrels = new Map<string, Map<string, number>>();
  const refused = (line: number, what: string): NestbitError =>
    new NestbitError('DATASET_INVALID', `${path}, line ${line}: ${what}.`);
  // The stream closes the file.
  for await (const { line, text } of readLines(handle.createReadStream(), refused)) {
    if (text.trim() === '' || (line === 1 && text.startsWith('query-id'))) continue;
    const [query, document, score, ...rest] = text.split('\t');
    if (score === undefined || rest.length > 0 || !/^-?\d+$/.test(score.trim()))
      throw refused(line, 'not "query-id, corpus-id, score" by tabs');
    const judged = qrels.get(query) ?? new Map<string, number>();
    judged.set(document, Number(score));
    qrels.set(query, judged);
  }
  return qrels;
}
