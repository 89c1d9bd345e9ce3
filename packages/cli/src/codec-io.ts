import { type Codec, NestbitError, parseCodec, readText } from '@nestbit/core';
import type { Source } from './source.ts';

/** Reads codec.json and checks that it is for these embeddings. */
export async function readCodec(path: string, source: Source): Promise<Codec> {
  const codec = parseCodec(
    await readText(path, (what) => new NestbitError('CODEC_CORRUPT', `${path} is no codec file: ${what}.`)),
  );
  if (codec.inputDimensions !== source.dimensions) {
    throw new NestbitError(
      'CODEC_MISMATCH',
      `${path} reads embeddings of ${codec.inputDimensions} dimensions, ${source.path} has ${source.dimensions}. ` +
        'Use the codec that was calibrated for these embeddings: nestbit calibrate.',
    );
  }
  const { model } = codec.settings;
  if (model !== undefined && source.model !== undefined && model !== source.model) {
    throw new NestbitError(
      'CODEC_MISMATCH',
      `${path} is the codec of the model ${model}, not of ${source.model}. Calibrate one for this model.`,
    );
  }
  return codec;
}
