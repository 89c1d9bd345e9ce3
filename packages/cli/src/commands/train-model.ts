import { NestbitError } from '@nestbit/core';
import {
  type ModelCardText,
  readTrainRecords,
  type TrainOptions,
  type TrainRecord,
  type TrainReport,
  train,
} from '@nestbit/core/train';
import { TrainBar } from '../train-bar.ts';

type Tuning = Omit<TrainOptions, 'out' | 'card' | 'signal' | 'onProgress'>;

export interface ModelOptions extends Tuning, ModelCardText {
  readonly out: string;
  readonly json?: boolean;
}

/** `nestbit train texts…`: trains a model and prints what each width keeps of held-out pairs. */
export async function trainModel(
  sources: readonly string[],
  { json, name, data, licence, ...tuning }: ModelOptions,
  signal: AbortSignal,
): Promise<void> {
  if (sources.length === 0)
    throw new NestbitError('USAGE', 'Give the texts to train on: nestbit train docs.jsonl --out model/');
  const bar = new TrainBar();
  const card = { ...(name && { name }), ...(data && { data }), ...(licence && { licence }) };
  try {
    const report = await train(recordsOf(sources, signal), {
      ...tuning,
      card,
      signal,
      onProgress: (progress) => bar.show(progress),
    });
    bar.stop();
    process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : table(report));
  } catch (error) {
    // What train says of its options is, here, said of the command line.
    if (error instanceof RangeError) throw new NestbitError('USAGE', error.message, { cause: error });
    throw error;
  } finally {
    bar.stop();
  }
}

/** All records, one file after the other. */
async function* recordsOf(sources: readonly string[], signal: AbortSignal): AsyncGenerator<TrainRecord> {
  for (const source of sources) yield* readTrainRecords(source, signal);
}

function table({ out, pairs, identical, vocabulary, steps, seconds, loss, retention }: TrainReport): string {
  const full = retention.byDimensions[0].value;
  const lines = retention.byDimensions.map(
    ({ dimensions, value }) =>
      `${String(dimensions).padStart(10)}   ${value.toFixed(3)}   ${full <= 0 ? '' : `${((100 * value) / full).toFixed(1)} %`}\n`,
  );
  const measured = `dimensions   ${retention.metric} on ${retention.pairs} held-out pairs\n${lines.join('')}`;
  return (
    `${out}: ${pairs} pairs, ${vocabulary} tokens, ${steps} steps in ${seconds.toFixed(0)} s, loss ${loss.toFixed(3)}\n` +
    (identical === 0 ? '' : `${identical} pairs of a text with itself were left out\n`) +
    (full < 0 ? reversed(full) : '') +
    (retention.pairs === 0 ? 'too few pairs to hold some out and measure\n' : measured)
  );
}

function reversed(correlation: number): string {
  return (
    `the scores and the cosines of held-out pairs run against each other (${correlation.toFixed(3)}): a higher score must ` +
    'mean more alike; if yours are distances, change their sign\n'
  );
}
