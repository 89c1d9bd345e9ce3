import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readTrainRecords, type TrainRecord } from '@nestbit/core/train';

const root: string =
  process.env['NESTBIT_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));

/** Retrieval sets that are measured with, never trained on. */
export const SETS = ['scifact', 'npl'] as const;

export function sharedSet(name: string): string {
  return sharedPath(`datasets/${name}`);
}

/** A file or folder of the shared data. */
export function sharedPath(path: string): string {
  const full = join(root, path);
  if (!existsSync(full)) throw new Error(`${full} is not here; set NESTBIT_DATA to the shared data`);
  return full;
}

/** The openly licensed texts of the shared data, one file after the other. */
export async function* sharedTexts(): AsyncGenerator<TrainRecord> {
  for (const file of ['medquad_passages.jsonl.gz', 'acl_2016_2018_open.jsonl.gz']) {
    yield* readTrainRecords(sharedPath(`texts/${file}`));
  }
}
