import { NestbitError } from '@nestbit/core';
import { Command, Option } from 'commander';
import { Progress, sayPhase } from '../progress.ts';
import { redacted } from '../redact.ts';
import { type IndexKind, openOrCreate, openStore } from '../stores/opened.ts';

interface Options {
  readonly index?: IndexKind;
  readonly json?: boolean;
}

/** `copy`: codes and payloads of one store into another, as they are. */
export function copyCommand(signal: AbortSignal): Command {
  return new Command('copy')
    .description(
      'copy codes and payloads into another store, as they are. Every batch is durable at once; ended early, run it again',
    )
    .argument('<from>', 'faiss:PATH, pglite:PATH#STORE or postgres://…#STORE')
    .argument('<to>', 'the same; made, with the same codec, when there is none')
    .addOption(
      new Option('--index <kind>', 'index of a new store; default flat, in Postgres hnsw').choices([
        'flat',
        'ivf',
        'hnsw',
      ]),
    )
    .option('--json', 'print one JSON object')
    .action((from: string, to: string, options: Options) => copy(from, to, options, signal));
}

async function copy(from: string, to: string, options: Options, signal: AbortSignal): Promise<void> {
  if (from === to)
    throw new NestbitError('USAGE', `${redacted(from)} would be copied onto itself; give another store.`);
  const source = await openStore(from, true);
  try {
    const { codec } = source.store;
    const batches = source.rows({ signal });
    const first = await batches.next();
    const numbered = first.done !== true && typeof first.value.ids[0] === 'bigint';
    const target = await openOrCreate(to, { index: options.index, numbered, codec: async () => codec });
    const progress = new Progress('copying', await source.store.size());
    let rows = 0;
    try {
      if (target.store.codec.fingerprint !== codec.fingerprint) {
        throw new NestbitError(
          'CODEC_MISMATCH',
          `${redacted(to)} has the codec ${target.store.codec.fingerprint}, ${redacted(from)} has ${codec.fingerprint}: codes of two codecs never ` +
            'meet in one store. Give a new store, or ingest the embeddings.',
        );
      }
      for (let batch = first; batch.done !== true; batch = await batches.next()) {
        const { ids, codes, payloads } = batch.value;
        // The payloads of an attached store are its table's columns.
        await target.store.upsert(
          { ids, codes, ...(payloads && !target.attached && { payloads }) },
          { signal },
        );
        rows += ids.length;
        progress.add(ids.length);
      }
      progress.stop();
      sayPhase('building the index, where the store has one');
      await target.index(signal);
    } finally {
      progress.stop();
      await batches.return(undefined);
      await target.close();
    }
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ rows, from: redacted(from), to: redacted(to), fingerprint: codec.fingerprint })}\n`
        : `${rows} rows are in ${redacted(to)}\n`,
    );
  } finally {
    await source.close();
  }
}
