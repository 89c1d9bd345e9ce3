import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Codec, NestbitError, SaturationCounter } from '@nestbit/core';
import { Command } from 'commander';
import { readCodec } from '../codec-io.ts';
import { type ModelOptions, modelOptions } from '../model-options.ts';
import { Outputs } from '../outputs.ts';
import { Progress } from '../progress.ts';
import { openSource } from '../source.ts';

interface Options extends ModelOptions {
  readonly out: string;
  readonly codec?: string;
  readonly json?: boolean;
}

export function encodeCommand(signal: AbortSignal): Command {
  const command = new Command('encode')
    .description('write bits.npy and int8.npy (with --codec) or embeddings.npy (texts without)')
    .argument('<source>', 'vectors, or texts with --model')
    .requiredOption('--out <folder>', 'where the files go; ids.jsonl too, where the source has ids')
    .option('--codec <codec.json>', 'codec made by calibrate')
    .option('--json', 'print one JSON object')
    .action((path: string, options: Options) => encode(path, options, signal));
  return modelOptions(command);
}

async function encode(path: string, options: Options, signal: AbortSignal): Promise<void> {
  if (options.codec === undefined && options.model === undefined) {
    throw new NestbitError('USAGE', 'Vectors need --codec codec.json; texts need --model folder.');
  }
  const source = await openSource(path, options);
  const outputs = new Outputs();
  let progress: Progress | undefined;
  try {
    const codec: Codec | undefined =
      options.codec === undefined ? undefined : await readCodec(options.codec, source);
    const saturation = new SaturationCounter();
    await mkdir(options.out, { recursive: true });
    progress = new Progress('encoding', source.rows);
    const file = (name: string): string => join(options.out, name);
    let rows = 0;
    for await (const batch of source.batches(signal)) {
      if (codec === undefined) {
        await outputs.append(file('embeddings.npy'), 'float32', source.dimensions, batch.vectors);
      } else {
        const codes = codec.encode(batch.vectors, batch.ids);
        saturation.add(codes);
        await outputs.append(file('bits.npy'), 'uint8', codec.dimensions / 8, codes.bits);
        const { scalars, copy } = codec.layout;
        if (scalars > 0) await outputs.append(file('scalars.npy'), 'uint8', scalars, codes.scalars);
        if (codec.copy === 'calibrated') {
          const int8 = new Int8Array(codes.copies.buffer, codes.copies.byteOffset, codes.copies.length);
          await outputs.append(file('int8.npy'), 'int8', codec.dimensions, int8);
        } else if (copy > 0) {
          await outputs.append(file('copies.npy'), 'uint8', copy, codes.copies);
        }
      }
      if (batch.ids !== undefined) await outputs.appendIds(file('ids.jsonl'), batch.ids);
      rows += batch.rows;
      progress.add(batch.rows);
    }
    if (rows === 0) throw new NestbitError('BATCH_EMPTY', `${path} holds no row; nothing is written.`);
    const files = await outputs.commit();
    progress.stop();
    const result = {
      rows,
      files,
      ...(codec === undefined ? {} : { fingerprint: codec.fingerprint, saturated: saturation.share }),
      ...(source.model === undefined ? {} : { model: source.model }),
    };
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify(result)}\n`
        : `${rows} rows: ${files.join(', ')}\n${codec === undefined ? '' : `${(saturation.share * 100).toFixed(3)} % of the int8 values lay outside the calibrated ranges\n`}`,
    );
  } finally {
    progress?.stop();
    await outputs.abort();
    await source.close();
  }
}
