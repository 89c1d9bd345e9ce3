import { type EvaluatedStore, type Filter, type Hit, NestbitError, parseFilter } from '@nestbit/core';
import { Command } from 'commander';
import { checkModelOptions, type ModelOptions, modelOptions, openEncoder } from '../model-options.ts';
import { wholeNumber } from '../options.ts';
import { openSource } from '../source.ts';
import { checkWidth, openStore } from '../stores/opened.ts';

interface Options extends ModelOptions {
  readonly store: string;
  readonly queries?: string;
  readonly text?: string;
  readonly k: number;
  readonly oversample?: number;
  readonly prefilter?: number;
  readonly filter?: string;
  readonly payloads?: boolean;
  readonly json?: boolean;
}

export function searchCommand(signal: AbortSignal): Command {
  const command = new Command('search')
    .description('the nearest rows of a store; with --json one line a query')
    .requiredOption('--store <uri>', 'faiss:PATH, pglite:PATH#STORE or postgres://…#STORE')
    .option('--queries <file>', 'vectors, or texts with --model')
    .option('--text <question>', 'one text, with --model, or the model of NESTBIT_MODEL')
    .option('-k <n>', 'hits wanted', wholeNumber, 10)
    .option('--oversample <n>', 'k × oversample candidates are rescored; default 20', wholeNumber)
    .option('--prefilter <n>', 'Hamming candidates; default 8 × k × oversample', wholeNumber)
    .option('--filter <json>', 'only rows whose payload passes, such as {"lang":"en"}')
    .option('--payloads', 'print the payloads of the hits')
    .option('--json', 'print JSON lines')
    // A question in words needs a model; a service sets it once.
    .action((options: Options) =>
      search(options.text === undefined ? options : { ...modelOfService(), ...options }, signal),
    );
  return modelOptions(command);
}

function modelOfService(): { readonly model?: string } {
  const model = process.env['NESTBIT_MODEL'];
  return model === undefined || model === '' ? {} : { model };
}

async function search(options: Options, signal: AbortSignal): Promise<void> {
  if ((options.queries === undefined) === (options.text === undefined))
    throw new NestbitError('USAGE', 'Give either --queries file or --text "…" with --model folder.');
  checkModelOptions(options);
  const filter = options.filter === undefined ? {} : { filter: filterOf(options.filter) };
  const opened = await openStore(options.store, true);
  const { store } = opened;
  try {
    let query = 0;
    const { k, oversample, prefilter } = options;
    const plan = {
      k,
      signal,
      ...filter,
      ...(options.payloads === true && { payloads: true }),
      ...(oversample === undefined ? {} : { oversample }),
      ...(prefilter === undefined ? {} : { prefilter }),
    };
    for await (const vectors of queriesOf(options, store, signal))
      for (const hits of await store.search(vectors, plan)) print(query++, hits, options.json === true);
  } finally {
    await opened.close();
  }
}

async function* queriesOf(
  options: Options,
  store: EvaluatedStore,
  signal: AbortSignal,
): AsyncGenerator<Float32Array> {
  if (options.queries !== undefined) {
    const source = await openSource(options.queries, options, 'query');
    try {
      checkWidth(source.dimensions, options.queries, store);
      for await (const { vectors } of source.batches(signal)) yield vectors;
    } finally {
      await source.close();
    }
    return;
  }
  if (options.model === undefined) throw new NestbitError('USAGE', '--text needs --model folder.');
  const { encoder, prompt } = await openEncoder(options.model, options, 'query');
  try {
    checkWidth(encoder.dimensions, options.model, store);
    yield await encoder.encode([options.text as string], { ...prompt, signal });
  } finally {
    await encoder.close();
  }
}

function print(query: number, hits: readonly Hit[], json: boolean): void {
  const plain = hits.map(({ id, score, ...rest }) => ({ id: String(id), score, ...rest }));
  const lines = plain.map(({ id, score, payload }) => {
    const shown = payload === undefined ? '' : `  ${JSON.stringify(payload)}`;
    return `${query}  ${score.toFixed(4)}  ${id}${shown}\n`;
  });
  process.stdout.write(json ? `${JSON.stringify({ query, hits: plain })}\n` : lines.join(''));
}

function filterOf(text: string): Filter {
  let filter: Filter;
  try {
    filter = JSON.parse(text) as Filter;
  } catch (cause) {
    throw new NestbitError('USAGE', `--filter is no JSON (${(cause as Error).message}).`, { cause });
  }
  try {
    parseFilter(filter);
  } catch (cause) {
    if (cause instanceof NestbitError) throw cause;
    throw new NestbitError(
      'USAGE',
      '--filter is not a JSON object of fields, such as {"lang":"en","year":{"gte":2016}}.',
      { cause },
    );
  }
  return filter;
}
