import { int8Steps } from './int8.ts';
import { CodecKernel } from './kernel.ts';
import { mapColumns } from './map.ts';
import { refineWeights } from './refine.ts';
import { foldQuery } from './rescore.ts';
import { hadamard, type Rotation } from './rotation.ts';
import { type CodecSettings, fingerprint } from './settings.ts';
import { checkDimensions, rowsOf } from './shape.ts';
import type { Codes, Id, PreparedQuery } from './types.ts';

/**
 * Turns embeddings into codes: everything that decides a bit, in one immutable object. Made by
 * `Calibration.codec()` or read by `parseCodec()`; its fingerprint is what stores check.
 */
export class Codec {
  /** All that defines the codec; plain data, frozen. */
  readonly settings: CodecSettings;
  /** Width of the embeddings that it reads, in values. */
  readonly inputDimensions: number;
  /** Width that it keeps, in values; divides by 8. */
  readonly dimensions: number;
  /** sha256 (hex) of all that decides a code: two codecs with the same one give the same codes. */
  readonly fingerprint: string;
  readonly #kernel: CodecKernel;
  readonly #lo: Float32Array;
  readonly #step: Float32Array;
  readonly #mean: Float32Array | undefined;

  constructor(settings: CodecSettings) {
    const n = checkDimensions(settings.inputDimensions, settings.dimensions);
    const { map } = settings;
    if (map !== undefined && mapColumns(map, settings.inputDimensions) !== n) {
      throw new RangeError(
        `map has ${map.length / settings.inputDimensions} columns, the codec keeps ${n} dimensions`,
      );
    }
    this.settings = Object.freeze({ ...settings });
    this.inputDimensions = settings.inputDimensions;
    this.dimensions = n;
    this.fingerprint = fingerprint(settings);
    this.#lo = settings.ranges.slice(0, n);
    this.#step = int8Steps(settings.ranges) as Float32Array;
    this.#mean = settings.mean?.slice();
    const rotation: Rotation | undefined =
      settings.rotation === 'hadamard' ? hadamard(n, settings.seed) : undefined;
    this.#kernel = new CodecKernel(settings.inputDimensions, n, {
      lo: this.#lo,
      step: this.#step,
      mean: this.#mean,
      rotation,
      map,
    });
  }

  /** Bytes of one row: as float32 of the full width, as int8, and as bits. */
  get bytesPerRow(): { readonly float32: number; readonly int8: number; readonly bits: number } {
    return { float32: this.inputDimensions * 4, int8: this.dimensions, bits: this.dimensions / 8 };
  }

  /**
   * The kept dimensions, at length 1, as exact search compares them: the first ones of the embedding, or of what
   * the codec's map makes of it.
   *
   * @param embeddings rows × inputDimensions, row-major
   * @param ids one a row, to name a bad one
   * @returns rows × dimensions
   * @throws NestbitError `BATCH_EMPTY`, `BATCH_SHAPE`, `VECTOR_NOT_FINITE`, `VECTOR_ZERO`
   */
  truncate(embeddings: Float32Array, ids?: readonly Id[]): Float32Array {
    rowsOf(embeddings, this.inputDimensions, ids);
    return this.#kernel.truncate(embeddings, ids);
  }

  /**
   * Bits and int8 codes of a batch. Either the whole batch is encoded or an error is thrown.
   *
   * @param embeddings rows × inputDimensions, row-major
   * @param ids one a row, to name a bad one
   * @param firstRow number of the first row, when this is a slice of more. Default 0
   * @throws NestbitError `BATCH_EMPTY`, `BATCH_SHAPE`, `VECTOR_NOT_FINITE`, `VECTOR_ZERO`
   */
  encode(embeddings: Float32Array, ids?: readonly Id[], firstRow = 0): Codes {
    const rows = rowsOf(embeddings, this.inputDimensions, ids);
    const bits = new Uint8Array((rows * this.dimensions) / 8);
    const int8 = new Int8Array(rows * this.dimensions);
    const saturated = this.#kernel.encode(embeddings, ids, bits, int8, firstRow);
    return { fingerprint: this.fingerprint, rows, bits, int8, saturated };
  }

  /**
   * The same into memory that is there: for slices of a large batch.
   *
   * @param into bits (rows × dimensions / 8) and int8 (rows × dimensions)
   * @returns how many values lay outside the calibrated ranges
   */
  encodeInto(
    into: { readonly bits: Uint8Array; readonly int8: Int8Array },
    embeddings: Float32Array,
    ids?: readonly Id[],
    firstRow = 0,
  ): number {
    const rows = rowsOf(embeddings, this.inputDimensions, ids);
    const { bits, int8 } = into;
    if (bits.length * 8 !== rows * this.dimensions || int8.length !== rows * this.dimensions) {
      throw new RangeError(
        `into has ${bits.length} bytes of bits and ${int8.length} of int8; ${rows} rows need ` +
          `${(rows * this.dimensions) / 8} and ${rows * this.dimensions}`,
      );
    }
    return this.#kernel.encode(embeddings, ids, bits, int8, firstRow);
  }

  /**
   * Queries in the forms of the three stages: bits for Hamming, weights for the refine and the rescore.
   *
   * @param queries rows × inputDimensions, row-major
   * @param firstRow number of the first query, when this is a slice of more. Default 0
   * @throws as `encode`
   */
  prepare(queries: Float32Array, firstRow = 0): PreparedQuery[] {
    const n = this.dimensions;
    const { rows, bits } = this.encode(queries, undefined, firstRow);
    const embeddings = this.#kernel.truncate(queries);
    const rotated = embeddings.slice();
    this.#kernel.rotate(rotated);
    return Array.from({ length: rows }, (_, row) => {
      const embedding = embeddings.subarray(row * n, (row + 1) * n);
      const folded = foldQuery(embedding, this.#lo, this.#step);
      return {
        bits: bits.subarray((row * n) / 8, ((row + 1) * n) / 8),
        embedding,
        refineWeights: refineWeights(rotated.subarray(row * n, (row + 1) * n)),
        rescoreWeights: folded.weights,
        rescoreScale: folded.scale,
        rescoreBias: folded.bias,
      };
    });
  }
}
