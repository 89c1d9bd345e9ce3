import { Calibration, type Codec, formatCodec, NestbitError, writeFileAtomic } from '@nestbit/core';
import {
  type Adapter,
  fitLinear,
  fitPca,
  neighbourRetention,
  type PairRetention,
  pairRetention,
} from '@nestbit/core/train';
import { Progress } from '../progress.ts';
import { openSource, type Source } from '../source.ts';
import { adapterTable } from './adapter-table.ts';
import { HeldOut, readRows } from './held-out.ts';

export interface AdapterOptions {
  /** Vectors of what is to be stored. */
  readonly embeddings: string;
  /** Vectors of what is to find them, row by row. */
  readonly pairs?: string;
  readonly out: string;
  readonly dimensions?: readonly number[];
  readonly weights?: readonly number[];
  readonly epochs?: number;
  readonly batch?: number;
  readonly rate?: number;
  readonly seed?: number;
  readonly modelName?: string;
  readonly json?: boolean;
}

/**
 * `nestbit train --embeddings`: fits a map (principal components; with pairs, by the Matryoshka loss), writes the codec
 * that applies it, calibrated on the embeddings, and prints what each width keeps of rows that were left out of the fit.
 */
export async function trainAdapter(options: AdapterOptions, signal: AbortSignal): Promise<void> {
  const source = await openSource(options.embeddings, {});
  try {
    const width = source.dimensions;
    const dimensions = checked(options.dimensions ?? defaultDimensions(width));
    const held = new HeldOut(width);
    const fit = options.pairs === undefined ? pca : linear;
    const { adapter, pairs, ...more } = await usage(fit(source, dimensions, held, options, signal));
    const codec = await calibrated(source, adapter, options, signal);
    const neighbours =
      held.rows.length === 0 ? [] : neighbourRetention(adapter, held.sample, held.rows, dimensions);
    await writeFileAtomic(options.out, formatCodec(codec));
    const result = {
      codec: options.out,
      fingerprint: codec.fingerprint,
      map: pairs === undefined ? 'pca' : 'linear',
      rows: adapter.rows,
      inputDimensions: width,
      dimensions: codec.dimensions,
      bytesPerRow: codec.bytesPerRow,
      ...more,
      neighbours,
      ...(pairs === undefined ? {} : { pairs }),
    };
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify(result)}\n`
        : adapterTable(options, adapter, codec, neighbours, pairs, held),
    );
  } finally {
    await source.close();
  }
}

/** A half, a quarter and an eighth of the width. */
function defaultDimensions(width: number): number[] {
  const parts = [2, 4, 8].map((part) => Math.max(8, Math.floor(width / part / 8) * 8));
  return [...new Set(parts)];
}

function checked(dimensions: readonly number[]): readonly number[] {
  dimensions.forEach((n, i) => {
    if (!Number.isInteger(n) || n < 8 || n % 8 !== 0)
      throw new NestbitError('USAGE', `--dimensions must be multiples of 8 from 8 on, got ${n}.`);
    if (i > 0 && n >= dimensions[i - 1])
      throw new NestbitError(
        'USAGE',
        `--dimensions must descend, but ${n} comes after ${dimensions[i - 1]}.`,
      );
  });
  return dimensions;
}

interface Fitted {
  readonly adapter: Adapter;
  /** Share of the squared length that a width holds; of principal components. */
  readonly energy?: readonly { readonly dimensions: number; readonly energy: number }[];
  /** Mean loss of the first and the last epoch; with pairs. */
  readonly losses?: readonly [first: number, last: number];
  readonly pairs?: readonly PairRetention[];
}

async function pca(
  source: Source,
  dimensions: readonly number[],
  held: HeldOut,
  _options: AdapterOptions,
  signal: AbortSignal,
): Promise<Fitted> {
  const progress = new Progress('fitting', source.rows);
  const batches = async function* (): AsyncGenerator<Float32Array> {
    for await (const { rows, vectors } of source.batches(signal)) {
      const kept = held.take(vectors);
      if (kept.length > 0) yield kept;
      progress.add(rows);
    }
    progress.stop();
  };
  try {
    const options = { inputDimensions: source.dimensions, dimensions: dimensions[0], signal };
    const { energy, ...adapter } = await fitPca(batches(), options);
    return { adapter, energy: dimensions.map((n) => ({ dimensions: n, energy: energy[n - 1] })) };
  } finally {
    progress.stop();
  }
}

async function linear(
  source: Source,
  dimensions: readonly number[],
  held: HeldOut,
  options: AdapterOptions,
  signal: AbortSignal,
): Promise<Fitted> {
  const pairsPath = options.pairs as string;
  const width = source.dimensions;
  const others = await openSource(pairsPath, {});
  const heldAnchors = new HeldOut(width);
  let progress: Progress | undefined;
  try {
    if (others.dimensions !== width) {
      throw new NestbitError(
        'BATCH_SHAPE',
        `${pairsPath} has ${others.dimensions} dimensions, ${source.path} ${width}; give both of one model.`,
      );
    }
    const positives = await readRows(source, held, signal);
    const anchors = await readRows(others, heldAnchors, signal);
    if (held.seen !== heldAnchors.seen) {
      throw new NestbitError(
        'BATCH_SHAPE',
        `${source.path} has ${held.seen} rows, ${pairsPath} ${heldAnchors.seen}; row i of both must belong together.`,
      );
    }
    const { weights, epochs, batch, rate, seed } = options;
    const { losses, ...adapter } = await fitLinear(
      { anchors, positives },
      {
        inputDimensions: width,
        dimensions,
        ...(weights && { weights }),
        ...(epochs !== undefined && { epochs }),
        ...(batch !== undefined && { batch }),
        ...(rate !== undefined && { rate }),
        ...(seed !== undefined && { seed }),
        signal,
        onProgress: ({ total }) => {
          progress ??= new Progress('training', total);
          progress.add(1);
        },
      },
    );
    const heldPairs = { anchors: heldAnchors.rows, positives: held.rows };
    const pairs = held.rows.length === 0 ? [] : pairRetention(adapter, heldPairs, dimensions);
    return { adapter, losses, pairs };
  } finally {
    progress?.stop();
    await others.close();
  }
}

async function calibrated(
  source: Source,
  { map }: Adapter,
  options: AdapterOptions,
  signal: AbortSignal,
): Promise<Codec> {
  const progress = new Progress('calibrating', source.rows);
  try {
    const calibration = new Calibration({ inputDimensions: source.dimensions, map });
    for await (const { rows, vectors } of source.batches(signal)) {
      calibration.add(vectors);
      progress.add(rows);
    }
    return calibration.codec(options.modelName === undefined ? {} : { model: options.modelName });
  } finally {
    progress.stop();
  }
}

/** Options that are out of range are bad usage here. */
async function usage<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof RangeError) throw new NestbitError('USAGE', cause.message, { cause });
    throw cause;
  }
}
