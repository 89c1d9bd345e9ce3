import { Calibration, type CalibrationOptions, type Codec, NestbitError, outOfRange } from '@nestbit/core';
import type { Pool } from 'pg';
import { copies } from '../../connection/copies.ts';
import { faultOf } from '../../source/encode-rows.ts';
import type { SourceTable } from '../../source/source-table.ts';
import type { ShrinkMaking } from '../options.ts';
import { sampleRows, widthsOf } from './sample.ts';

const SAMPLE = 10_000;
/** In PGlite all of an answer is in memory at once. */
const SAMPLE_WITHOUT_COPY = 2000;

/**
 * The codec for a table: the one that was given, or one calibrated on a sample of its rows.
 *
 * @throws NestbitError `CODEC_MISMATCH`, `DIMENSIONS`, `BATCH_EMPTY`
 */
export async function codecFor(pool: Pool, source: SourceTable, making: ShrinkMaking): Promise<Codec> {
  const { codec, dimensions, rotation, center, copy, model } = making;
  if (codec !== undefined) {
    if (source.dimensions === undefined || source.dimensions === codec.inputDimensions) return codec;
    throw new NestbitError(
      'CODEC_MISMATCH',
      `The codec reads embeddings of ${codec.inputDimensions} dimensions, ${source.column} has ${source.dimensions}. ` +
        'Give the codec of these embeddings, or none: one is then calibrated.',
    );
  }
  const { dimensions: inputDimensions } = await widthsOf(pool, source);
  const wanted = making.sampleRows ?? (copies(pool) ? SAMPLE : SAMPLE_WITHOUT_COPY);
  if (!Number.isInteger(wanted) || wanted < 1)
    throw outOfRange(`sampleRows is ${wanted}; it must be 1 or more`);
  const widths = { inputDimensions, ...(dimensions !== undefined && { dimensions }) };
  let calibration = await calibrated(pool, source, wanted, widths, 'pages');
  // Sampled pages may hold few embeddings where most rows are NULL.
  if (calibration.rows < wanted / 2) calibration = await calibrated(pool, source, wanted, widths, 'all');
  return calibration.codec({
    ...(rotation !== undefined && { rotation }),
    ...(center !== undefined && { center }),
    ...(copy !== undefined && { copy }),
    ...(model !== undefined && { model }),
  });
}

async function calibrated(
  pool: Pool,
  source: SourceTable,
  wanted: number,
  widths: CalibrationOptions,
  from: 'pages' | 'all',
): Promise<Calibration> {
  const { inputDimensions: width } = widths;
  const calibration = new Calibration(widths);
  for await (const { embeddings } of sampleRows(pool, source, width, wanted, from)) {
    if (embeddings.length === 0 || added(calibration, embeddings)) continue;
    for (let at = 0; at < embeddings.length; at += width)
      added(calibration, embeddings.subarray(at, at + width));
  }
  return calibration;
}

function added(calibration: Calibration, embeddings: Float32Array): boolean {
  try {
    calibration.add(embeddings);
    return true;
  } catch (error) {
    faultOf(error);
    return false;
  }
}
