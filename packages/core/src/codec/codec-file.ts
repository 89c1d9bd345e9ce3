import { createHash } from 'node:crypto';
import { NestbitError } from '../errors.ts';
import { Codec } from './codec.ts';
import { type CodecSettings, fromLittleEndian, littleEndian } from './settings.ts';

/** Version 2 adds a map; a codec without one is still written as version 1, byte for byte. */
const VERSION = 1;
const VERSION_MAP = 2;

/** The text of `codec.json`: a readable header, arrays in base64 (float32, little-endian), a checksum. */
export function formatCodec(codec: Codec): string {
  const { settings } = codec;
  const body = {
    format: 'nestbit-codec',
    version: settings.map === undefined ? VERSION : VERSION_MAP,
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
    ...(settings.map === undefined ? {} : { map: littleEndian(settings.map).toString('base64') }),
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
  if (body['version'] !== VERSION && body['version'] !== VERSION_MAP) {
    throw new NestbitError(
      'CODEC_VERSION',
      `The codec file has version ${String(body['version'])}, this nestbit reads versions ${VERSION} and ${VERSION_MAP}. Update nestbit.`,
    );
  }
  const actual = checksum(body);
  if (actual !== expected) {
    throw corrupt(
      `its checksum is ${String(expected)}, its content gives ${actual}: it was edited or damaged. ` +
        'Restore it, or calibrate again (which makes another codec, so stores must be filled anew)',
    );
  }
  const codec = codecOf(settingsOf(body));
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
  const mapped = body['version'] === VERSION_MAP;
  if (mapped && typeof body['map'] !== 'string') throw corrupt('it has no map, which version 2 has');
  const array = (value: unknown): Float32Array => fromLittleEndian(Buffer.from(value as string, 'base64'));
  return {
    inputDimensions: body['inputDimensions'] as number,
    dimensions: body['dimensions'] as number,
    rotation: bits.rotation,
    seed: bits.seed,
    mean: body['mean'] === null ? undefined : array(body['mean']),
    map: mapped ? array(body['map']) : undefined,
    ranges: array(body['ranges']),
    model: (body['model'] as string | null) ?? undefined,
    calibrationRows: body['calibrationRows'] as number,
  };
}

// A checksum can be made for anything, so a map of another shape or with NaN is still refused.
function codecOf(settings: CodecSettings): Codec {
  try {
    return new Codec(settings);
  } catch (cause) {
    if (cause instanceof RangeError) throw corrupt(cause.message, cause);
    throw cause;
  }
}

function checksum(body: object): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

function corrupt(what: string, cause?: unknown): NestbitError {
  return new NestbitError('CODEC_CORRUPT', `This is no valid codec file: ${what}.`, { cause });
}
