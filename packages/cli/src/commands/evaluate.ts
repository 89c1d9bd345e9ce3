import {
  type Codec,
  type Evaluation,
  evaluate,
  evaluateStore,
  calibrate as makeCalibration,
  NestbitError,
} from '@nestbit/core';
import { Command } from 'commander';
import { readCodec } from '../codec-io.ts';
import { encoderOptions, type ModelOptions } from '../model-options.ts';
import { numberList, wholeNumber } from '../options.ts';
import { Progress } from '../progress.ts';
import { openSource, type Source } from '../source.ts';
import { checkWidth, openStore } from '../stores/opened.ts';

interface Options extends ModelOptions {
  readonly queries: string;
  readonly store?: string;
  readonly exact?: string;
  readonly codec?: string;
  readonly dimensions?: number;
  readonly k: number;
  readonly oversample?: number[];
  readonly prefilter?: number[];
  readonly json?: boolean;
}

export function evaluateCommand(signal: AbortSignal): Command {
  const evaluate = new Command('evaluate')
    .description('recall@k of a codec, or of a store, on your documents and queries, stage by stage')
    .argument('[docs]', 'vectors, or texts with --model; or, with --store, --exact')
    .requiredOption('--queries <file>', 'vectors, or texts with --model')
    .option('--store <uri>', 'measure this store as it answers now')
    .option('--exact <docs>', 'with --store: the documents that it holds, searched exactly')
    .option('--codec <codec.json>', 'codec made by calibrate; default: one calibrated on the documents')
    .option('--dimensions <n>', 'without --codec: keep the first n dimensions', wholeNumber)
    .option('-k <n>', 'hits wanted', wholeNumber, 10)
    .option('--oversample <list>', 'k × oversample candidates are rescored; default 20', numberList)
    .option('--prefilter <list>', 'Hamming candidates; default: 8 × k × each oversample', numberList)
    .option('--json', 'print one JSON object')
    .action((path: string | undefined, options: Options) => command(path, options, signal));
  return encoderOptions(evaluate);
}

async function command(path: string | undefined, options: Options, signal: AbortSignal): Promise<void> {
  if (options.codec !== undefined && options.dimensions !== undefined) {
    throw new NestbitError('USAGE', '--dimensions is decided by --codec; leave one of them out.');
  }
  const docsPath = path ?? options.exact;
  if (docsPath === undefined || (path !== undefined && options.exact !== undefined))
    throw new NestbitError(
      'USAGE',
      'Give the documents once: evaluate docs.npy, or --store uri --exact docs.npy.',
    );
  if (options.store !== undefined && (options.codec ?? options.dimensions) !== undefined)
    throw new NestbitError('USAGE', '--codec and --dimensions are decided by the store; leave them out.');
  const docs = await openSource(docsPath, options, 'document');
  try {
    const queries = await readAll(options, docs, signal);
    const { result, codec } = await (options.store === undefined
      ? ofCodec(docs, queries, options, signal)
      : ofStore(options.store, docs, queries, options, signal));
    process.stdout.write(options.json === true ? `${JSON.stringify(result)}\n` : table(result, codec));
  } finally {
    await docs.close();
  }
}

interface Measured {
  readonly result: Evaluation;
  readonly codec: Codec;
}

async function ofCodec(
  docs: Source,
  queries: Float32Array,
  options: Options,
  signal: AbortSignal,
): Promise<Measured> {
  const codec = await codecOf(docs, options, signal);
  const progress = new Progress('reading', docs.rows);
  let searching: Progress | undefined;
  const result = await evaluate({
    codec,
    docs: counted(docs, progress, signal),
    queries,
    ...tried(options),
    signal,
    onQuery: () => {
      searching ??= new Progress('searching', queries.length / codec.inputDimensions);
      searching.add(1);
    },
  }).finally(() => {
    progress.stop();
    searching?.stop();
  });
  return { result, codec };
}

async function ofStore(
  uri: string,
  docs: Source,
  queries: Float32Array,
  options: Options,
  signal: AbortSignal,
): Promise<Measured> {
  const opened = await openStore(uri, true);
  const { store } = opened;
  const progress = new Progress('reading', docs.rows);
  try {
    checkWidth(docs.dimensions, docs.path, store);
    const read = (async function* () {
      for await (const batch of docs.batches(signal)) {
        yield batch;
        progress.add(batch.rows);
      }
    })();
    const result = await evaluateStore({ store, docs: read, queries, ...tried(options), signal });
    return { result, codec: store.codec };
  } finally {
    progress.stop();
    await opened.close();
  }
}

function tried({ k, oversample, prefilter }: Options): Pick<Options, 'k' | 'oversample' | 'prefilter'> {
  return { k, ...(oversample && { oversample }), ...(prefilter && { prefilter }) };
}

async function codecOf(docs: Source, options: Options, signal: AbortSignal): Promise<Codec> {
  if (options.codec !== undefined) return await readCodec(options.codec, docs);
  const progress = new Progress('calibrating', docs.rows);
  const calibration = await makeCalibration(counted(docs, progress, signal), {
    inputDimensions: docs.dimensions,
    ...(options.dimensions === undefined ? {} : { dimensions: options.dimensions }),
    signal,
  }).finally(() => progress.stop());
  return calibration.codec(docs.model === undefined ? {} : { model: docs.model });
}

async function* counted(
  source: Source,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<Float32Array> {
  for await (const { rows, vectors } of source.batches(signal)) {
    yield vectors;
    progress.add(rows);
  }
}

async function readAll(options: Options, docs: Source, signal: AbortSignal): Promise<Float32Array> {
  const source = await openSource(options.queries, options, 'query');
  try {
    if (source.dimensions !== docs.dimensions) {
      throw new NestbitError(
        'BATCH_SHAPE',
        `The queries have ${source.dimensions} dimensions, the documents ${docs.dimensions}; give both of one model.`,
      );
    }
    const parts: Float32Array[] = [];
    for await (const { vectors } of source.batches(signal)) parts.push(vectors);
    const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  } finally {
    await source.close();
  }
}

function table({ k, queries, results }: Evaluation, codec: Codec): string {
  const { float32, copy, scalars, bits } = codec.bytesPerRow;
  const lines = results.map((result) => {
    const prefilter = result.stage === 'hamming' ? '' : String(result.prefilter);
    const cells = [result.stage.padEnd(8), prefilter.padStart(9), String(result.candidates).padStart(10)];
    return `${cells.join('  ')}  ${result.recall.toFixed(4)}`;
  });
  return [
    `${queries} queries, k = ${k}; bytes a vector: float32 ${float32}, ${codec.copy} copy ${copy}, bits ${bits} and scalars ${scalars}`,
    `${'stage'.padEnd(8)}  prefilter  candidates  recall@${k}`,
    ...lines,
    '',
  ].join('\n');
}
