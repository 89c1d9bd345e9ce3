import { outOfRange } from '../errors.ts';
import { type CopyKind, checkCopyKind, copyBytes, type RowLayout } from './copies.ts';
import { int8Steps } from './int8.ts';
import { CodecKernel } from './kernel.ts';
import { mapColumns } from './map.ts';
import { prepareQuery, type QueryTables, queryTables } from './prepare.ts';
import { hadamard } from './rotation.ts';
import { scalarSteps, scalarUnits } from './scalars.ts';
import { type CodecSettings, fingerprint } from './settings.ts';
import { checkDimensions, rowsOf } from './shape.ts';
import type { Codes, Id, PreparedQuery } from './types.ts';

/** Memory for the codes of some rows: rows × each width of `codec.layout`. */
export interface CodeMemory {
  readonly bits: Uint8Array;
  readonly scalars: Uint8Array;
  readonly copies: Uint8Array;
}

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
  /** What a row keeps for the rescore. */
  readonly copy: CopyKind;
  /** Bytes of each part of one row. */
  readonly layout: RowLayout;
  /** The factor of each code of `f` in the bit score: 256 integers. Undefined for codecs of versions 1 and 2. */
  readonly bitFactors: Float64Array | undefined;
  /** sha256 (hex) of all that decides a code: two codecs with the same one give the same codes. */
  readonly fingerprint: string;
  readonly #kernel: CodecKernel;
  readonly #tables: QueryTables;

  constructor(settings: CodecSettings) {
    const n = checkDimensions(settings.inputDimensions, settings.dimensions);
    const { map, mean } = settings;
    if (map !== undefined && mapColumns(map, settings.inputDimensions) !== n) {
      throw outOfRange(
        `map has ${map.length / settings.inputDimensions} columns, the codec keeps ${n} dimensions`,
      );
    }
    const copy = checkCopyKind(settings.copy ?? 'calibrated');
    const scalars = settings.scalars ?? false;
    checkArrays(settings, copy, scalars, n);
    this.settings = Object.freeze({ ...settings, copy, scalars });
    this.inputDimensions = settings.inputDimensions;
    this.dimensions = n;
    this.copy = copy;
    this.layout = Object.freeze({ bits: n / 8, scalars: scalars ? 2 : 0, copy: copyBytes(copy, n) });
    this.bitFactors = scalars ? scalarUnits() : undefined;
    this.fingerprint = fingerprint(this.settings);
    const ranges = settings.ranges?.slice();
    const steps = scalars ? scalarSteps(n, mean) : undefined;
    this.#tables = queryTables({ copy, steps, mean: mean?.slice(), ranges });
    this.#kernel = new CodecKernel(settings.inputDimensions, n, {
      copy,
      steps,
      lo: ranges?.slice(0, n),
      step: ranges === undefined ? undefined : (int8Steps(ranges) as Float32Array),
      mean: this.#tables.mean,
      rotation: settings.rotation === 'hadamard' ? hadamard(n, settings.seed) : undefined,
      map,
    });
  }

  /** Bytes of one row: as float32 of the full width, and each part of its codes. */
  get bytesPerRow(): { readonly float32: number } & RowLayout {
    return { float32: this.inputDimensions * 4, ...this.layout };
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
   * Bits, scalars and copies of a batch. Either the whole batch is encoded or an error is thrown.
   *
   * @param embeddings rows × inputDimensions, row-major
   * @param ids one a row, to name a bad one
   * @param firstRow number of the first row, when this is a slice of more. Default 0
   * @throws NestbitError `BATCH_EMPTY`, `BATCH_SHAPE`, `VECTOR_NOT_FINITE`, `VECTOR_ZERO`
   */
  encode(embeddings: Float32Array, ids?: readonly Id[], firstRow = 0): Codes {
    const rows = rowsOf(embeddings, this.inputDimensions, ids);
    const memory = this.allocate(rows);
    const saturated = this.#kernel.encode(embeddings, ids, memory, firstRow);
    return { fingerprint: this.fingerprint, rows, ...memory, saturated };
  }

  /** New memory for the codes of some rows. */
  allocate(rows: number): CodeMemory {
    const { bits, scalars, copy } = this.layout;
    return {
      bits: new Uint8Array(rows * bits),
      scalars: new Uint8Array(rows * scalars),
      copies: new Uint8Array(rows * copy),
    };
  }

  /**
   * The same into memory that is there: for slices of a large batch.
   *
   * @param into memory of exactly the batch's rows
   * @returns how many values of a calibrated copy lay outside their ranges; 0 for other copies
   */
  encodeInto(into: CodeMemory, embeddings: Float32Array, ids?: readonly Id[], firstRow = 0): number {
    const rows = rowsOf(embeddings, this.inputDimensions, ids);
    const { bits, scalars, copy } = this.layout;
    const given = [into.bits.length, into.scalars.length, into.copies.length];
    const needed = [rows * bits, rows * scalars, rows * copy];
    if (given.some((length, part) => length !== needed[part])) {
      throw outOfRange(
        `into has ${given.join(', ')} bytes of bits, scalars and copies; ${rows} rows need ${needed.join(', ')}`,
      );
    }
    return this.#kernel.encode(embeddings, ids, into, firstRow);
  }

  /**
   * Queries in the forms of the three stages: bits for the Hamming scan, weights for the bit score and the rescore.
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
    if (this.bitFactors !== undefined) this.#center(rotated);
    this.#kernel.rotate(rotated);
    return Array.from({ length: rows }, (_, row) =>
      prepareQuery(
        this.#tables,
        bits.subarray((row * n) / 8, ((row + 1) * n) / 8),
        embeddings.subarray(row * n, (row + 1) * n),
        rotated.subarray(row * n, (row + 1) * n),
      ),
    );
  }

  #center(vectors: Float32Array): void {
    const { mean } = this.#tables;
    if (mean === undefined) return;
    for (let row = 0; row < vectors.length; row += mean.length)
      for (let i = 0; i < mean.length; i++) vectors[row + i] -= mean[i];
  }
}

function checkArrays(settings: CodecSettings, copy: CopyKind, scalars: boolean, n: number): void {
  const { ranges, mean } = settings;
  if (!scalars && copy !== 'calibrated') throw outOfRange(`a copy of ${copy} needs scalars: true`);
  if ((copy === 'calibrated') !== (ranges !== undefined)) {
    throw outOfRange(
      ranges === undefined ? 'a calibrated copy needs ranges' : `a copy of ${copy} has no ranges`,
    );
  }
  if (ranges !== undefined && ranges.length !== 2 * n)
    throw outOfRange(`ranges has ${ranges.length} values; ${n} dimensions need ${2 * n}`);
  if (mean !== undefined && mean.length !== n)
    throw outOfRange(`mean has ${mean.length} values; ${n} dimensions need ${n}`);
}
