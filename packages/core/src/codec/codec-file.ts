import { createHash } from 'node:crypto';
import { NestbitError } from '../errors.ts';
import { Codec } from './codec.ts';
import { type CodecSettings, fromLittleEndian, littleEndian } from './settings.ts';

const VERSION = 1;

/** The text of `codec.json`: a readable header, arrays in base64 (float32, little-endian), a checksum. */
export function formatCodec(codec: Codec): string {
  const { settings } = codec;
  const body = {
    format: 'nestbit-codec',
    version: VERSION,
    fingerprint: codec.fingerprint,
    model: settings.model ?? null,
    inputDimensions: settings.inputDimensions,
    dimensions: settings.dimensions,
    bits: {
      rotation: settings.rotation,
      seed: settings.seed,
      center: settings.mean === undefined ? 'none' : 'mean',
    },
    int8: { profile: 'st5.7' },
    calibrationRows: settings.calibrationRows,
    mean: settings.mean === undefined ? null : littleEndian(settings.mean).toString('base64'),
    ranges: littleEndian(settings.ranges).toString('base64'),
  };
  return `${JSON.stringify({ ...body, checksum: checksum(body) }, null, 2)}\n`;
}

/**
 * Reads the text of a `codec.json`.
 *
 * @throws NestbitError `CODEC_CORRUPT` when it is no codec or was edited or damaged, `CODEC_VERSION` when a
 * newer nestbit wrote it
 */
export function parseCodec(text: string): Codec {
  const { checksum: expected, ...body } = parseHeader(text);
  if (body['version'] !== VERSION) {
    throw new NestbitError(
      'CODEC_VERSION',
      `The codec file has version ${String(body['version'])}, this nestbit reads version ${VERSION}. Update nestbit.`,
    );
  }
  const actual = checksum(body);
  if (actual !== expected) {
    throw corrupt(
      `its checksum is ${String(expected)}, its content gives ${actual}: it was edited or damaged. ` +
        'Restore it, or calibrate again (which makes another codec, so stores must be filled anew)',
    );
  }
  const codec = new Codec(settingsOf(body));
  if (codec.fingerprint !== body['fingerprint']) {
    throw corrupt(
      `its fingerprint is ${String(body['fingerprint'])}, its content gives ${codec.fingerprint}`,
    );
  }
  return codec;
}

function parseHeader(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw corrupt('it is not JSON', cause);
  }
  if (
    typeof value !== 'object' ||
    value === null ||
    (value as { format?: unknown }).format !== 'nestbit-codec'
  ) {
    throw corrupt('its "format" is not "nestbit-codec". Make one with `nestbit calibrate`');
  }
  return value as Record<string, unknown>;
}

// The checksum holds, so the fields are what formatCodec wrote.
function settingsOf(body: Record<string, unknown>): CodecSettings {
  const bits = body['bits'] as { rotation: 'hadamard' | 'none'; seed: number };
  const array = (value: unknown): Float32Array => fromLittleEndian(Buffer.from(value as string, 'base64'));
  return {
    inputDimensions: body['inputDimensions'] as number,
    dimensions: body['dimensions'] as number,
    rotation: bits.rotation,
    seed: bits.seed,
    mean: body['mean'] === null ? undefined : array(body['mean']),
    ranges: array(body['ranges']),
    model: (body['model'] as string | null) ?? undefined,
    calibrationRows: body['calibrationRows'] as number,
  };
}

function checksum(body: object): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

function corrupt(what: string, cause?: unknown): NestbitError {
  return new NestbitError('CODEC_CORRUPT', `This is no valid codec file: ${what}.`, { cause });
}
