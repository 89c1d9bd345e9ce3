import { type Codec, calibrate, NestbitError } from '@nestbit/core';
import { Command, Option } from 'commander';
import { readCodec } from '../codec-io.ts';
import type { FieldOptions } from '../formats/shapes.ts';
import { type ModelOptions, modelOptions } from '../model-options.ts';
import { wholeId } from '../options.ts';
import { Progress, sayPhase } from '../progress.ts';
import { redacted } from '../redact.ts';
import { openSource, type Source } from '../source.ts';
import { SourceIds } from '../source-ids.ts';
import { checkWidth, type IndexKind, openOrCreate } from '../stores/opened.ts';

export interface IngestOptions extends ModelOptions, FieldOptions {
  readonly store: string;
  readonly codec?: string;
  readonly index?: IndexKind;
  readonly firstId?: bigint;
}

/** What was stored. */
export interface Ingested {
  /** Rows of the source. */
  readonly rows: number;
  /** Rows whose ids the store did not have. */
  readonly added: number;
  /** Rows that took the place of one with their id. */
  readonly replaced: number;
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
          : `${result.rows} rows are in ${result.store}: ${result.added} new, ${result.replaced} replaced\n`,
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
    .option('--vector-field <name>', 'field or column of the vectors; default embedding, vector or values')
    .option('--id-field <name>', 'field or column of the ids; default id or _id')
    .option('--first-id <n>', 'id of the first row of a source without ids; default 0', wholeId)
    .option('--json', 'print one JSON object');
}

/** Puts all rows of a source into a store, which is made when there is none. */
export async function ingest(path: string, options: IngestOptions, signal: AbortSignal): Promise<Ingested> {
  const source = await openSource(path, options);
  try {
    if (options.firstId !== undefined && !source.numbered)
      throw new NestbitError('USAGE', `${path} has ids of its own; --first-id is for sources without.`);
    const { codec: codecPath } = options;
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
      ...(codecPath !== undefined && { given: () => readCodec(codecPath, source) }),
    });
    const { store } = opened;
    const progress = new Progress('ingesting', source.rows);
    const waiting: Promise<void>[] = [];
    const first = options.firstId ?? 0n;
    let rows = 0;
    let added = 0;
    try {
      checkWidth(source.dimensions, path, store);
      const before = await store.size();
      const seen = new SourceIds(path);
      for await (const batch of source.batches(signal)) {
        const ids = batch.ids ?? Array.from({ length: batch.rows }, (_, row) => first + BigInt(rows + row));
        if (batch.ids !== undefined) seen.add(batch.ids);
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
      added = (await store.size()) - before;
      progress.stop();
      sayPhase('building the index, where the store has one');
      await opened.index(signal);
    } finally {
      progress.stop();
      await opened.close();
    }
    const replaced = rows - added;
    if (replaced > 0) hint(replaced, source, options);
    return { rows, added, replaced, store: redacted(options.store), fingerprint: store.codec.fingerprint };
  } finally {
    await source.close();
  }
}

/** Says what replaced rows may mean, and where their room went. */
function hint(replaced: number, { numbered }: Source, { store, firstId }: IngestOptions): void {
  const numbers =
    numbered && firstId === undefined
      ? ' Their ids are row numbers from 0; --first-id puts rows beside those there are.'
      : '';
  const room = store.startsWith('faiss:')
    ? ` nestbit compact --store ${store} frees the room of the old ones.`
    : '';
  process.stderr.write(`nestbit: ${replaced} rows replaced rows with the same ids.${numbers}${room}\n`);
}
