import { readFile } from 'node:fs/promises';
import { type Codec, NestbitError, parseCodec } from '@nestbit/core';
import type { Source } from './source.ts';

/** Reads codec.json and checks that it is for these embeddings. */
export async function readCodec(path: string, source: Source): Promise<Codec> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new NestbitError(
      'FILE_NOT_FOUND',
      `The codec ${path} cannot be read (${(cause as Error).message}).`,
      { cause },
    );
  }
  const codec = parseCodec(text);
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
