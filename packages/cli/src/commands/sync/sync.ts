import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { NestbitError, parseCodec } from '@nestbit/core';
import { followTexts, type PgPool, SyncWorker, type TextEncoder } from '@nestbit/pg-adapter';
import { Command } from 'commander';
import {
  checkModelOptions,
  type ModelOptions,
  modelOptions,
  type OpenedEncoder,
  openEncoder,
} from '../../model-options.ts';
import { urlArgument, wholeNumber } from '../../options.ts';
import { Progress } from '../../progress.ts';
import { connectTo } from '../../stores/postgres.ts';
import { serveMetrics } from './metrics-server.ts';

interface Options extends ModelOptions {
  readonly table?: string;
  readonly tableSchema?: string;
  readonly id?: string;
  readonly store?: string;
  readonly schema?: string;
  readonly textColumn?: string;
  readonly codec?: string;
  readonly dimensions?: number;
  readonly sample?: number;
  readonly workers?: number;
  readonly batch?: number;
  readonly listen: boolean;
  readonly notify?: boolean;
  readonly once?: boolean;
  readonly retry?: boolean;
  readonly sweep?: boolean;
  readonly metricsPort?: number;
  readonly metricsHost: string;
  readonly json?: boolean;
}

/** `sync`: keeps codes in step with the table that they follow. */
export function syncCommand(signal: AbortSignal): Command {
  const command = urlArgument(new Command('sync'))
    .description('keep codes in step with a Postgres table, until Ctrl-C; any number of processes may')
    .option('--store <name>', 'the store; default: the name of the table')
    .option('--table <name>', 'the table')
    .option('--schema <name>', "schema of nestbit's tables; default nestbit")
    .option('--text-column <name>', 'column of texts; the store is made when there is none (needs --model)')
    .option('--table-schema <name>', 'for a new store: schema of the table; default: by the search path')
    .option('--id <column>', 'for a new store: unique column; default: the primary key')
    .option('--codec <codec.json>', 'for a new store: its codec; default: one calibrated on some texts')
    .option('--dimensions <n>', 'for a new store: width of that codec', wholeNumber)
    .option('--sample <n>', 'for a new store: texts to calibrate on; default 1000', wholeNumber)
    .option('--notify', 'for a new store: writers NOTIFY the workers; rules two-phase commit out')
    .option('--no-notify', 'for a new store: they do not; default: by max_prepared_transactions')
    .option('--workers <n>', 'batches under way at once; default 2', wholeNumber)
    .option('--batch <n>', 'rows of a batch; default 512, of texts 64', wholeNumber)
    .option('--no-listen', 'only poll, behind a pooler that passes no notices')
    .option('--once', 'end when the changes that wait now are settled')
    .option('--retry', 'first put rows back that were set aside')
    .option('--sweep', 'first look for codes without a row and rows without a code')
    .option('--metrics-port <port>', 'serve Prometheus metrics; 0: any free port', wholeNumber)
    .option('--metrics-host <host>', 'on this address', '127.0.0.1')
    .option('--json', 'print one JSON object')
    .action((url: string, options: Options) => sync(url, options, signal));
  return modelOptions(command);
}

async function sync(url: string, options: Options, signal: AbortSignal): Promise<void> {
  checkModelOptions(options);
  const name = options.store ?? options.table;
  if (name === undefined)
    throw new NestbitError('USAGE', 'The store is missing; give --store name or --table name.');
  if (options.textColumn !== undefined && (options.model === undefined || options.table === undefined))
    throw new NestbitError('USAGE', '--text-column needs --table name and --model folder.');
  const { pool, close } = await connectTo(url);
  const opened =
    options.model === undefined
      ? undefined
      : await openEncoder(options.model, options).catch(async (error) => {
          await close();
          throw error;
        });
  const encoder = opened && withPrompt(opened);
  try {
    const made =
      options.textColumn !== undefined && encoder !== undefined
        ? await setUp(pool, options, options.textColumn, encoder, signal)
        : undefined;
    await using worker = await openWorker(pool, made ?? name, options, encoder);
    const server =
      options.metricsPort === undefined
        ? undefined
        : await serveMetrics(worker, options.metricsHost, options.metricsPort);
    if (server !== undefined) {
      const { port } = server.address() as AddressInfo;
      process.stderr.write(`nestbit: metrics on http://${options.metricsHost}:${port}/metrics\n`);
    }
    try {
      if (options.retry === true) await worker.retry();
      if (options.sweep === true) await worker.sweep();
      await (options.once === true ? drain(worker, signal) : follow(worker, signal));
    } finally {
      server?.close();
      server?.closeAllConnections();
    }
    await report(worker, options.json === true, options.once === true);
  } finally {
    await opened?.encoder.close();
    await close();
  }
}

async function openWorker(
  pool: PgPool,
  store: string,
  options: Options,
  encoder: TextEncoder | undefined,
): Promise<SyncWorker> {
  try {
    return await SyncWorker.open(pool, {
      store,
      ...(options.schema !== undefined && { schema: options.schema }),
      ...(encoder && { encoder }),
      ...promptKey(options),
      ...(options.workers !== undefined && { concurrency: options.workers }),
      ...(options.batch !== undefined && { batch: options.batch }),
      listen: options.listen,
      onError: (error) => process.stderr.write(`nestbit: sync: ${error.message}\n`),
    });
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new NestbitError(
        'USAGE',
        `${error.message}.${encoder === undefined ? ' For texts give --model.' : ''}`,
      );
    // The store of schema.table has the name of the table alone.
    const dot = options.store === undefined ? store.indexOf('.') : -1;
    if (dot > 0 && error instanceof NestbitError && error.code === 'STORE_NOT_FOUND')
      return await openWorker(pool, store.slice(dot + 1), { ...options, store }, encoder);
    throw error;
  }
}

async function setUp(
  pool: PgPool,
  options: Options,
  column: string,
  encoder: TextEncoder,
  signal: AbortSignal,
): Promise<string> {
  const { table, tableSchema, id, store, schema, dimensions, sample, notify } = options;
  const codec = options.codec === undefined ? undefined : parseCodec(await readFile(options.codec, 'utf8'));
  return await followTexts(pool, {
    table: table as string,
    column,
    encoder,
    signal,
    ...(tableSchema !== undefined && { tableSchema }),
    ...(id !== undefined && { id }),
    ...(store !== undefined && { store }),
    ...(schema !== undefined && { schema }),
    ...promptKey(options),
    ...(dimensions !== undefined && { dimensions }),
    ...(sample !== undefined && { sample }),
    ...(codec && { codec }),
    ...(notify !== undefined && { notify }),
  });
}

/** An encoder that puts the prompt of the command line before each text. */
function withPrompt({ encoder, prompt }: OpenedEncoder): TextEncoder {
  return {
    dimensions: encoder.dimensions,
    identity: encoder.identity,
    encode: (texts, { signal }) => encoder.encode(texts, { ...prompt, ...(signal && { signal }) }),
  };
}

/** What tells encoded texts apart by their prompt. */
function promptKey({ prompt, promptName }: Options): { readonly prompt?: string } {
  const key = promptName ?? prompt;
  return key === undefined ? {} : { prompt: key };
}

async function drain(worker: SyncWorker, signal: AbortSignal): Promise<void> {
  const { queue } = await worker.metrics();
  const progress = new Progress('settling', queue.depth);
  try {
    await worker.drain({ signal, onProgress: (rows) => progress.add(rows) });
  } finally {
    progress.stop();
  }
}

async function follow(worker: SyncWorker, signal: AbortSignal): Promise<void> {
  const progress = new Progress('settled', undefined);
  worker.start();
  const stopped = signal.aborted ? Promise.resolve() : once(signal, 'abort');
  try {
    for (let rows = 0; !signal.aborted; ) {
      await Promise.race([stopped, sleep(500, undefined, { ref: false })]);
      progress.add(worker.counts.rows - rows);
      rows = worker.counts.rows;
    }
  } finally {
    progress.stop();
    await worker.stop();
  }
}

async function report(worker: SyncWorker, json: boolean, ended: boolean): Promise<void> {
  const { queue, written, removed, unchanged, bad } = await worker.metrics();
  process.stdout.write(
    json
      ? `${JSON.stringify({ written, removed, unchanged, bad, waiting: queue.depth, setAside: queue.setAsideCount })}\n`
      : `${written} codes written, ${removed} removed, ${unchanged} texts unchanged, ${bad} rows not to be encoded; ` +
          `${queue.depth} wait, ${queue.setAsideCount} are set aside\n`,
  );
  if (ended && queue.setAsideCount > 0) {
    const [first] = queue.setAside;
    throw new NestbitError(
      'STORE_FAILED',
      `${queue.setAsideCount} rows are set aside after ${first.attempts} tries, such as ${first.id}: ${first.error} ` +
        'Mend the cause, then nestbit sync --retry.',
    );
  }
}
