import { createHash } from 'node:crypto';
import type { CopyKind } from './copies.ts';

/** All that defines a codec. Arrays are float32. */
export interface CodecSettings {
  /** Width of the model's embeddings, in values. */
  readonly inputDimensions: number;
  /** Width that is kept, in values; divides by 8. */
  readonly dimensions: number;
  /**
   * `hadamard` mixes the dimensions before the sign, which keeps far more recall at the same size; `none`
   * with centre `none` gives the bits of sentence-transformers and pgvector, which SQL can compute.
   */
  readonly rotation: 'hadamard' | 'none';
  /** Seed of the rotation, an integer. */
  readonly seed: number;
  /** Calibration mean that is subtracted before the sign, shape (dimensions); absent: no centring. */
  readonly mean: Float32Array | undefined;
  /**
   * Linear map that makes the kept dimensions from the embeddings, at length 1 each: shape (inputDimensions,
   * dimensions); absent: the first `dimensions` values are kept as they are.
   */
  readonly map?: Float32Array | undefined;
  /** What a row keeps for the rescore. Absent: `calibrated`, as codecs of versions 1 and 2 have it. */
  readonly copy?: CopyKind;
  /**
   * Whether rows carry the two scalars of the bit score. Absent: no, as in codecs of versions 1 and 2, which order
   * the second stage by the query with its mean.
   */
  readonly scalars?: boolean;
  /** Per-dimension [min; max] of a calibrated copy, shape (2, dimensions); undefined for the other copies. */
  readonly ranges: Float32Array | undefined;
  /** Identity of the model whose embeddings these are: codes of two models never meet in one store. */
  readonly model: string | undefined;
  /** Rows that the calibration saw. Not part of the fingerprint. */
  readonly calibrationRows: number;
}

/** sha256 (hex) of everything that decides a code, and of the model's identity. */
export function fingerprint(settings: CodecSettings): string {
  const { mean, map, ranges, copy = 'calibrated' } = settings;
  const old = settings.scalars !== true;
  const header = JSON.stringify([
    old ? 'nestbit-codec-1' : 'nestbit-codec-3',
    settings.inputDimensions,
    settings.dimensions,
    settings.rotation,
    settings.rotation === 'none' ? 0 : settings.seed,
    mean === undefined ? 'none' : 'mean',
    old || copy === 'calibrated' ? 'st5.7' : copy,
    settings.model ?? null,
    // Only where there is one, so that fingerprints of codecs without a map stay what they were.
    ...(map === undefined ? [] : ['map']),
  ]);
  const hash = createHash('sha256').update(header).update('\n');
  for (const values of [ranges, mean, map]) if (values !== undefined) hash.update(littleEndian(values));
  return hash.digest('hex');
}

/** The bytes of a float32 array, least significant first on any machine. */
export function littleEndian(values: Float32Array): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (let i = 0; i < values.length; i++) bytes.writeFloatLE(values[i], i * 4);
  return bytes;
}

/** The inverse of `littleEndian`. */
export function fromLittleEndian(bytes: Buffer): Float32Array {
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
}
