import { type Evaluation, evaluateStore, NestbitError } from '@nestbit/core';
import { Command } from 'commander';
import { wholeNumber } from '../../options.ts';
import { Progress } from '../../progress.ts';
import { redacted } from '../../redact.ts';
import { openSource, type Source } from '../../source.ts';
import { openStore } from '../../stores/opened.ts';
import { type IngestOptions, ingest, ingestOptions } from '../ingest.ts';
import { print, size } from './print.ts';

interface Options extends IngestOptions {
  readonly k: number;
  readonly queries: number;
  readonly json?: boolean;
}

/** `shrink files`: what `ingest` does, and what it costs, measured on the rows themselves. */
export function filesCommand(signal: AbortSignal): Command {
  return ingestOptions(new Command('files'), 'vectors (.faiss, a LangChain folder, .npy, .jsonl)')
    .description(
      'put the vectors of a flat .faiss index (faiss, faiss-node), a LangChain folder or .npy into a store of codes, and measure it',
    )
    .option('-k <n>', 'hits wanted of each search', wholeNumber, 10)
    .option('--queries <n>', 'rows asked as queries; 0 for none', wholeNumber, 100)
    .action((path: string, options: Options) => files(path, options, signal));
}

async function files(path: string, options: Options, signal: AbortSignal): Promise<void> {
  const { k, store: uri, json = false } = options;
  const stored = await ingest(path, options, signal);
  const count = Math.min(options.queries, stored.rows);
  const source = await openSource(path, {});
  const opened = await openStore(uri, true);
  try {
    const { bytes } = await opened.stats();
    const after = Object.values(bytes).reduce((sum, part) => sum + part, 0);
    const before = stored.rows * source.dimensions * Float32Array.BYTES_PER_ELEMENT;
    let recall: number | undefined;
    if (count > 0 && stored.rows > k) {
      const queries = await spread(source, stored.rows, count, signal);
      const progress = new Progress('reading', stored.rows);
      const docs = (async function* () {
        for await (const batch of source.batches(signal)) {
          yield batch;
          progress.add(batch.rows);
        }
      })();
      const found = await evaluateStore({ store: opened.store, docs, queries, k: k + 1, signal }).finally(
        () => progress.stop(),
      );
      recall = ofOthers(found, k);
    }
    const result = { ...stored, bytes: { floats: before, store: after }, queries: count, k, recall };
    print(json, result, () => [
      `${stored.rows} rows are in ${redacted(uri)}: ${size(before)} of float32 became ${size(after)}, its index included`,
      recall === undefined
        ? 'recall was not measured'
        : `recall@${k} beside exact search, ${count} of the rows as queries, each without itself: ${recall.toFixed(4)}`,
    ]);
  } finally {
    await opened.close();
    await source.close();
  }
}

/** Rows at even distances. */
async function spread(
  source: Source,
  rows: number,
  count: number,
  signal: AbortSignal,
): Promise<Float32Array> {
  const { dimensions } = source;
  const queries = new Float32Array(count * dimensions);
  let taken = 0;
  let row = 0;
  for await (const batch of source.batches(signal)) {
    for (; taken < count; taken++) {
      const wanted = Math.floor((taken * rows) / count) - row;
      if (wanted >= batch.rows) break;
      const at = wanted * dimensions;
      queries.set(batch.vectors.subarray(at, at + dimensions), taken * dimensions);
    }
    row += batch.rows;
  }
  if (taken < count)
    throw new NestbitError(
      'DATASET_INVALID',
      `${source.path} had ${rows} rows and has ${row} now; it changed meanwhile.`,
    );
  return queries;
}

/** recall@k without the row itself, from recall@(k + 1) with it; a row that does not find itself counts as a miss. */
function ofOthers({ results }: Evaluation, k: number): number {
  const last = results[results.length - 1];
  return Math.max(0, ((k + 1) * last.recall - 1) / k);
}
