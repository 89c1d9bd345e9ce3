import { type Codec, calibrate, NestbitError } from '@nestbit/core';
import { Command, Option } from 'commander';
import { readCodec } from '../codec-io.ts';
import { type ModelOptions, modelOptions } from '../model-options.ts';
import { Progress } from '../progress.ts';
import { openSource } from '../source.ts';
import { checkWidth, type IndexKind, openOrCreate } from '../stores/opened.ts';

export interface IngestOptions extends ModelOptions {
  readonly store: string;
  readonly codec?: string;
  readonly index?: IndexKind;
}

/** What was stored. */
export interface Ingested {
  readonly rows: number;
  readonly store: string;
  /** Of the store's codec. */
  readonly fingerprint: string;
}

/** Batches whose codes are made while the one before is being committed. */
const IN_FLIGHT = 2;

export function ingestCommand(signal: AbortSignal): Command {
  const command = ingestOptions(
    new Command('ingest'),
    'vectors (.npy, .jsonl, .faiss, a LangChain folder), or texts with --model',
  )
    .description('put vectors or texts into a store; ids are those of the source, or its row numbers')
    .action(async (path: string, options: IngestOptions & { readonly json?: boolean }) => {
      const result = await ingest(path, options, signal);
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify(result)}\n`
          : `${result.rows} rows are in ${result.store}\n`,
      );
    });
  return modelOptions(command);
}

/** Argument and options of every command that fills a store. */
export function ingestOptions(command: Command, source: string): Command {
  return command
    .argument('<source>', source)
    .requiredOption(
      '--store <uri>',
      'faiss:PATH, pglite:PATH#STORE or postgres://…#STORE; made when there is none',
    )
    .option('--codec <codec.json>', 'codec of a new store; default: one calibrated on the source')
    .addOption(
      new Option('--index <kind>', 'index of a new store; default flat, in Postgres hnsw').choices([
        'flat',
        'ivf',
        'hnsw',
      ]),
    )
    .option('--json', 'print one JSON object');
}

/** Puts all rows of a source into a store, which is made when there is none. */
export async function ingest(path: string, options: IngestOptions, signal: AbortSignal): Promise<Ingested> {
  const source = await openSource(path, options);
  try {
    const codec = async (): Promise<Codec> => {
      if (options.codec !== undefined) return await readCodec(options.codec, source);
      const vectors = (async function* () {
        for await (const batch of source.batches(signal)) yield batch.vectors;
      })();
      const calibration = await calibrate(vectors, { inputDimensions: source.dimensions, signal });
      return calibration.codec(source.model === undefined ? {} : { model: source.model });
    };
    const opened = await openOrCreate(options.store, {
      index: options.index,
      numbered: source.numbered,
      codec,
    });
    const { store } = opened;
    const progress = new Progress('ingesting', source.rows);
    const waiting: Promise<void>[] = [];
    let rows = 0;
    try {
      checkWidth(source.dimensions, path, store);
      for await (const batch of source.batches(signal)) {
        const ids = batch.ids ?? Array.from({ length: batch.rows }, (_, row) => BigInt(rows + row));
        rows += batch.rows;
        const { payloads } = batch;
        const stored = store.upsert(
          { ids, embeddings: batch.vectors, ...(payloads && { payloads }) },
          { signal },
        );
        stored.catch(() => {});
        waiting.push(stored);
        if (waiting.length >= IN_FLIGHT) await waiting.shift();
        progress.add(batch.rows);
      }
      await Promise.all(waiting);
      if (rows === 0) throw new NestbitError('BATCH_EMPTY', `${path} holds no row; nothing is stored.`);
      await opened.index(signal);
    } finally {
      progress.stop();
      await opened.close();
    }
    return { rows, store: options.store, fingerprint: store.codec.fingerprint };
  } finally {
    await source.close();
  }
}
