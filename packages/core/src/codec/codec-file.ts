import { createHash } from 'node:crypto';
import { NestbitError } from '../errors.ts';
import { Codec } from './codec.ts';
import type { CopyKind } from './copies.ts';
import { type CodecSettings, fromLittleEndian, littleEndian } from './settings.ts';

/**
 * Version 3 adds the two scalars of a row and the choice of the copy. Codecs of version 1, and of version 2, which
 * added a map, are still written as what they are, byte for byte.
 */
const VERSION = 3;

/** The text of `codec.json`: a readable header, arrays in base64 (float32, little-endian), a checksum. */
export function formatCodec(codec: Codec): string {
  const { settings } = codec;
  const base64 = (values: Float32Array): string => littleEndian(values).toString('base64');
  const current = settings.scalars === true;
  const { ranges, map, mean } = settings;
  const body = {
    format: 'nestbit-codec',
    version: current ? VERSION : map === undefined ? 1 : 2,
    fingerprint: codec.fingerprint,
    model: settings.model ?? null,
    inputDimensions: settings.inputDimensions,
    dimensions: settings.dimensions,
    bits: {
      rotation: settings.rotation,
      seed: settings.seed,
      center: settings.mean === undefined ? 'none' : 'mean',
    },
    ...(current ? { copy: codec.copy } : { int8: { profile: 'st5.7' } }),
    calibrationRows: settings.calibrationRows,
    mean: mean === undefined ? null : base64(mean),
    ...(ranges === undefined ? {} : { ranges: base64(ranges) }),
    ...(map === undefined ? {} : { map: base64(map) }),
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
  const version = body['version'];
  if (typeof version !== 'number' || !(version >= 1 && version <= VERSION)) {
    throw new NestbitError(
      'CODEC_VERSION',
      `The codec file has version ${String(version)}, this nestbit reads versions 1 to ${VERSION}. Update nestbit.`,
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

// The checksum holds, so the fields are what formatCodec wrote, or what somebody took the trouble to forge.
function settingsOf(body: Record<string, unknown>): CodecSettings {
  const bits = body['bits'] as { rotation: 'hadamard' | 'none'; seed: number };
  const version = body['version'] as number;
  if (version === 2 && typeof body['map'] !== 'string') throw corrupt('it has no map, which version 2 has');
  const array = (name: string): Float32Array | undefined =>
    typeof body[name] === 'string' ? fromLittleEndian(Buffer.from(body[name], 'base64')) : undefined;
  return {
    inputDimensions: body['inputDimensions'] as number,
    dimensions: body['dimensions'] as number,
    rotation: bits.rotation,
    seed: bits.seed,
    mean: array('mean'),
    map: version === 1 ? undefined : array('map'),
    ...(version === 3 ? { copy: body['copy'] as CopyKind, scalars: true } : {}),
    ranges: array('ranges'),
    model: (body['model'] as string | null) ?? undefined,
    calibrationRows: body['calibrationRows'] as number,
  };
}

// A checksum can be made for anything, so a map of another shape or with NaN is still refused.
function codecOf(settings: CodecSettings): Codec {
  try {
    return new Codec(settings);
  } catch (cause) {
    if (cause instanceof RangeError || cause instanceof TypeError) throw corrupt(cause.message, cause);
    throw cause;
  }
}

function checksum(body: object): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

function corrupt(what: string, cause?: unknown): NestbitError {
  return new NestbitError('CODEC_CORRUPT', `This is no valid codec file: ${what}.`, { cause });
}
