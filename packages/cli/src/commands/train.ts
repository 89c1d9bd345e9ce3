import { NestbitError } from '@nestbit/core';
import { Command, Option } from 'commander';
import { numberList, positiveNumber, wholeNumber } from '../options.ts';
import { type AdapterOptions, trainAdapter } from './train-adapter.ts';
import { type ModelOptions, trainModel } from './train-model.ts';

/** Of the trained map: principal components have nothing to tune. */
const TUNING = ['weights', 'epochs', 'batch', 'rate', 'seed'] as const;

type Options = Partial<AdapterOptions> & ModelOptions;

export function trainCommand(signal: AbortSignal): Command {
  const command = new Command('train')
    .description(
      'train a static embedding model with a Matryoshka loss on your own text; with --embeddings, fit a map for a ' +
        'model that was not trained for truncation',
    )
    .argument(
      '[sources...]',
      'JSONL or gzipped: {anchor, positive, score? or negative?} or passages {text, title?}',
    )
    .requiredOption('--out <path>', 'the model folder that is made; with --embeddings, the codec.json')
    .option(
      '--dimensions <list>',
      'widths to be cut to, the widest first (384,256,128,64,32; with --embeddings a half, a quarter, an eighth, ' +
        'and the codec keeps the first)',
      numberList,
    )
    .option('--weights <list>', 'weight of each width in the loss (1 each)', numberList)
    .option('--epochs <n>', 'times that every pair is seen', wholeNumber)
    .option('--batch <n>', 'pairs a step, a multiple of 8', wholeNumber)
    .option('--rate <x>', 'learning rate', positiveNumber)
    .option('--seed <n>', 'the same seed, data and options give the same bytes', wholeNumber)
    .option('--json', 'print one JSON object');
  const model = modelOptions();
  for (const option of model) command.addOption(option);
  for (const option of adapterOptions(model.map((one) => one.attributeName()))) command.addOption(option);
  return command.action(async (sources: string[], options: Options) => {
    const { embeddings, pairs } = options;
    if (embeddings === undefined) {
      if (pairs !== undefined)
        throw new NestbitError(
          'USAGE',
          '--pairs belongs to --embeddings: give the vectors that they should find.',
        );
      return await trainModel(sources, options, signal);
    }
    if (sources.length > 0)
      throw new NestbitError(
        'USAGE',
        `Give texts (${sources[0]}, trains a model) or --embeddings (fits a map).`,
      );
    const unused = TUNING.find((name) => pairs === undefined && options[name] !== undefined);
    if (unused !== undefined)
      throw new NestbitError(
        'USAGE',
        `--${unused} tunes the map that --pairs trains; without pairs there is none.`,
      );
    await trainAdapter({ ...options, embeddings }, signal);
  });
}

/** What only a model has. */
function modelOptions(): Option[] {
  const option = (flags: string, text: string, parse?: (text: string) => unknown): Option => {
    const made = new Option(flags, text);
    return parse === undefined ? made : made.argParser(parse);
  };
  return [
    option('--tokenizer <path>', 'tokenizer.json, or a folder that has one; default: one is trained'),
    option('--vocabulary <n>', 'tokens of a tokenizer that is trained', wholeNumber),
    option('--dimensions-per-step <n>', 'random widths of each step; default: all', wholeNumber),
    option('--one-way', 'anchors look for positives only, as MultipleNegativesRankingLoss does'),
    option('--scale <x>', 'inverse temperature of the loss', positiveNumber),
    option('--max-length <n>', 'tokens of a text that count', wholeNumber),
    option('--threads <n>', 'default: the cores', wholeNumber),
    option('--files <list>', 'float16, int8 (both by default), safetensors for Python', (text) =>
      text.split(','),
    ),
    option('--checkpoint-every <seconds>', 'how often <out>.checkpoint is written (60)', positiveNumber),
    option('--resume', 'go on from <out>.checkpoint of the same data and options'),
    option('--name <text>', 'name in the model card'),
    option('--data <text>', 'what the model card says of the data'),
    option('--licence <id>', 'licence in the model card'),
  ];
}

/** What only a map has. */
function adapterOptions(conflicts: string[]): Option[] {
  return [
    new Option(
      '--embeddings <file>',
      'vectors of a frozen model (.npy, .jsonl): fits a map for them',
    ).conflicts(conflicts),
    new Option('--pairs <file>', 'with --embeddings: vectors of the queries, row i for row i'),
    new Option('--model-name <identity>', 'with --embeddings: identity of the model, kept in the codec'),
  ];
}
