import { Calibration, type CopyKind, formatCodec, writeFileAtomic } from '@nestbit/core';
import { Command, Option } from 'commander';
import { type ModelOptions, modelOptions } from '../model-options.ts';
import { wholeNumber } from '../options.ts';
import { Progress } from '../progress.ts';
import { openSource } from '../source.ts';

interface Options extends ModelOptions {
  readonly out: string;
  readonly dimensions?: number;
  readonly rotation: 'hadamard' | 'none';
  readonly center: 'mean' | 'none';
  readonly seed: number;
  readonly copy: CopyKind | 'float16';
  readonly quantile: string;
  readonly modelName?: string;
  readonly json?: boolean;
}

export function calibrateCommand(signal: AbortSignal): Command {
  const command = new Command('calibrate')
    .description('make the codec of some embeddings (.npy, .jsonl, or texts with --model)')
    .argument('<source>', 'vectors, or texts with --model')
    .requiredOption('--out <codec.json>', 'where to write the codec')
    .option('--dimensions <n>', 'keep the first n dimensions (Matryoshka); default: all', wholeNumber)
    .addOption(
      new Option('--rotation <kind>', 'none gives bits that SQL can compute')
        .choices(['hadamard', 'none'])
        .default('hadamard'),
    )
    .addOption(
      new Option('--center <kind>', 'what is subtracted before the sign')
        .choices(['mean', 'none'])
        .default('mean'),
    )
    .option('--seed <n>', 'seed of the rotation', wholeNumber, 0)
    .addOption(
      new Option(
        '--copy <kind>',
        'what a row keeps for the rescore: int8, int4 (half), int16 (twice; float16 is the same), none, or ' +
          "calibrated (sentence-transformers' int8)",
      )
        .choices(['int8', 'int4', 'int16', 'float16', 'none', 'calibrated'])
        .default('int8'),
    )
    .option('--quantile <share>', 'share of the values that the ranges of a calibrated copy hold', '1')
    .option('--model-name <identity>', 'identity of the model that made the vectors, kept in the codec')
    .option('--json', 'print one JSON object')
    .action((path: string, options: Options) => calibrate(path, options, signal));
  return modelOptions(command);
}

async function calibrate(path: string, options: Options, signal: AbortSignal): Promise<void> {
  const quantile = Number(options.quantile);
  const source = await openSource(path, options);
  const progress = new Progress('calibrating', source.rows);
  try {
    const calibration = new Calibration({
      inputDimensions: source.dimensions,
      ...(options.dimensions === undefined ? {} : { dimensions: options.dimensions }),
      histogram: quantile !== 1,
    });
    for await (const { rows, vectors } of source.batches(signal)) {
      calibration.add(vectors);
      progress.add(rows);
    }
    const model = options.modelName ?? source.model;
    const codec = calibration.codec({
      rotation: options.rotation,
      center: options.center,
      seed: options.seed,
      copy: options.copy,
      quantile,
      ...(model === undefined ? {} : { model }),
    });
    await writeFileAtomic(options.out, formatCodec(codec));
    progress.stop();
    const { float32, copy, scalars, bits } = codec.bytesPerRow;
    const result = {
      codec: options.out,
      fingerprint: codec.fingerprint,
      rows: calibration.rows,
      inputDimensions: codec.inputDimensions,
      dimensions: codec.dimensions,
      bytesPerRow: codec.bytesPerRow,
    };
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify(result)}\n`
        : `${options.out}: ${codec.inputDimensions} → ${codec.dimensions} dimensions, calibrated on ${calibration.rows} rows\n` +
            `bytes a vector: float32 ${float32}, ${codec.copy} copy ${copy}, bits ${bits} and scalars ${scalars}\nfingerprint ${codec.fingerprint}\n`,
    );
  } finally {
    progress.stop();
    await source.close();
  }
}
