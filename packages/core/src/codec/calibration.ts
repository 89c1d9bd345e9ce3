import { NestbitError, outOfRange, throwIfAborted, wrongType } from '../errors.ts';
import { Codec } from './codec.ts';
import { type CopyKind, checkCopyKind } from './copies.ts';
import { Histogram } from './histogram.ts';
import { CodecKernel } from './kernel.ts';
import { cutMap, mapColumns, mapIdentity } from './map.ts';
import { checkDimensions, rowsOf } from './shape.ts';

export interface CalibrationOptions {
  /** Width of the embeddings, in values. */
  readonly inputDimensions: number;
  /** Dimensions to keep (the first ones); divides by 8. Default: all, or all columns of the map. */
  readonly dimensions?: number;
  /** Also keep histograms, so that ranges can be clipped at a quantile: 16 kB a dimension. Default: false. */
  readonly histogram?: boolean;
  /**
   * Linear map that the codec applies before truncation, inputDimensions × columns, row-major (column j makes
   * dimension j), such as `fitPca` of `@nestbit/core/train` makes; the columns beyond `dimensions` are left out.
   */
  readonly map?: Float32Array;
}

export interface CodecOptions {
  /** Default `hadamard`: more recall at the same size. `none` for bits that SQL can compute. */
  readonly rotation?: 'hadamard' | 'none';
  /** Default `mean`. `none` for bits that SQL can compute. */
  readonly center?: 'mean' | 'none';
  /** Seed of the rotation. Default 0. */
  readonly seed?: number;
  /** Identity of the model, kept in the fingerprint. */
  readonly model?: string;
  /**
   * What a row keeps for the rescore. Default `int8`. `calibrated` is sentence-transformers' int8 by per-dimension
   * ranges, for codes that must equal those of others; see `CopyKind` for the rest.
   */
  readonly copy?: CopyKind | 'float16';
  /**
   * Share of values that the ranges of a calibrated copy must hold, by dimension; needs `histogram`. Default 1: min
   * and max.
   */
  readonly quantile?: number;
}

/** Fewer rows than this say little of the mean, and later data leaves their ranges. */
const FEW_ROWS = 100;

/** One unit of the integer sums. */
const SUM_UNIT = 2 ** -32;

/** The totals of a calibration as plain data, for another worker's `merge`. Arrays have shape (dimensions). */
export interface CalibrationTotals {
  readonly inputDimensions: number;
  readonly dimensions: number;
  readonly rows: number;
  readonly min: Float32Array;
  readonly max: Float32Array;
  /** In units of 2^-32: integers, so that totals do not depend on the order of rows or merges. */
  readonly sum: BigInt64Array;
  readonly histogram: Uint32Array | undefined;
  /** sha256 (hex) of the map's kept columns. */
  readonly map?: string | undefined;
}

/**
 * What a sample of embeddings says about their distribution: minimum, maximum and mean of every kept
 * dimension, in constant memory. Totals merge exactly: any split over workers gives the same codec.
 */
export class Calibration {
  readonly inputDimensions: number;
  readonly dimensions: number;
  readonly #kernel: CodecKernel;
  readonly #histogram: Histogram | undefined;
  readonly #map: Float32Array | undefined;
  readonly #mapIdentity: string | undefined;
  readonly #min: number;
  readonly #max: number;
  readonly #sum: number;
  #rows = 0;

  constructor(options: CalibrationOptions) {
    const { inputDimensions, map } = options;
    const columns = map === undefined ? undefined : mapColumns(map, inputDimensions);
    const n = checkDimensions(inputDimensions, options.dimensions ?? columns);
    this.inputDimensions = inputDimensions;
    this.dimensions = n;
    this.#map = map === undefined ? undefined : cutMap(map, inputDimensions, n);
    this.#mapIdentity = this.#map === undefined ? undefined : mapIdentity(this.#map);
    this.#kernel = new CodecKernel(inputDimensions, n, { map: this.#map });
    this.#histogram = options.histogram === true ? new Histogram(n) : undefined;
    const { kernels } = this.#kernel;
    this.#min = kernels.reserve(n * 4);
    this.#max = kernels.reserve(n * 4);
    this.#sum = kernels.reserve(n * 8);
    kernels.float32(this.#min, n).fill(Number.POSITIVE_INFINITY);
    kernels.float32(this.#max, n).fill(Number.NEGATIVE_INFINITY);
  }

  /** Rows seen so far. */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Adds a batch: rows × inputDimensions, row-major. A bad vector leaves the totals as they were.
   *
   * @throws NestbitError `BATCH_EMPTY`, `BATCH_SHAPE`, `VECTOR_NOT_FINITE`, `VECTOR_ZERO`
   */
  add(embeddings: Float32Array): void {
    const rows = rowsOf(embeddings, this.inputDimensions);
    const n = this.dimensions;
    const { kernels } = this.#kernel;
    // A first pass over everything finds bad vectors before anything is added.
    this.#kernel.eachBlock(embeddings, {}, () => {});
    this.#kernel.eachBlock(embeddings, {}, (_first, count, x) => {
      kernels.run.accumulate(x, count, n, this.#min, this.#max, this.#sum);
      this.#histogram?.add(kernels.float32(x, count * n));
    });
    this.#rows += rows;
  }

  /** Adds the totals of another calibration of the same widths. */
  merge(other: Calibration | CalibrationTotals): void {
    const totals = other instanceof Calibration ? other.totals() : other;
    const n = this.dimensions;
    if (totals.inputDimensions !== this.inputDimensions || totals.dimensions !== n) {
      throw new NestbitError(
        'CALIBRATION_MISMATCH',
        `A calibration of ${totals.inputDimensions} → ${totals.dimensions} dimensions cannot join one of ` +
          `${this.inputDimensions} → ${n}. Calibrate all parts with the same dimensions.`,
      );
    }
    if (totals.map !== this.#mapIdentity) {
      throw new NestbitError(
        'CALIBRATION_MISMATCH',
        `The two calibrations map the embeddings differently (${totals.map ?? 'no map'} and ` +
          `${this.#mapIdentity ?? 'no map'}). Calibrate all parts with the same map.`,
      );
    }
    if ((totals.histogram === undefined) !== (this.#histogram === undefined)) {
      throw new NestbitError(
        'CALIBRATION_MISMATCH',
        'Only one of the two calibrations keeps histograms; set `histogram` alike.',
      );
    }
    const { kernels } = this.#kernel;
    const min = kernels.float32(this.#min, n);
    const max = kernels.float32(this.#max, n);
    const sum = kernels.bigInt64(this.#sum, n);
    for (let i = 0; i < n; i++) {
      min[i] = Math.min(min[i], totals.min[i]);
      max[i] = Math.max(max[i], totals.max[i]);
      sum[i] += totals.sum[i];
    }
    if (totals.histogram !== undefined) this.#histogram?.merge(totals.histogram);
    this.#rows += totals.rows;
  }

  /** A copy of the totals, fit for `structuredClone` and `merge`. */
  totals(): CalibrationTotals {
    const { kernels } = this.#kernel;
    const n = this.dimensions;
    return {
      inputDimensions: this.inputDimensions,
      dimensions: n,
      rows: this.#rows,
      min: kernels.float32(this.#min, n).slice(),
      max: kernels.float32(this.#max, n).slice(),
      sum: kernels.bigInt64(this.#sum, n).slice(),
      histogram: this.#histogram?.counts.slice(),
      map: this.#mapIdentity,
    };
  }

  /**
   * The codec of what was seen. Warns (`process.emitWarning`, code `NESTBIT_FEW_ROWS`) below 100 rows.
   *
   * @throws NestbitError `CALIBRATION_EMPTY` when no row was seen
   */
  codec(options: CodecOptions = {}): Codec {
    const { min, max, sum, rows } = this.totals();
    if (rows === 0) {
      throw new NestbitError(
        'CALIBRATION_EMPTY',
        'The calibration has seen no row; add some embeddings first.',
      );
    }
    if (rows < FEW_ROWS) {
      process.emitWarning(
        `The codec is calibrated on ${rows} rows only; give it ${FEW_ROWS} or more, better thousands, or its mean will not be that of later data.`,
        { type: 'NestbitWarning', code: 'NESTBIT_FEW_ROWS' },
      );
    }
    const copy = checkCopyKind(options.copy ?? 'int8');
    if (copy !== 'calibrated' && (options.quantile ?? 1) !== 1)
      throw wrongType(`quantile clips the ranges of a calibrated copy; a copy of ${copy} has none`);
    return new Codec({
      inputDimensions: this.inputDimensions,
      dimensions: this.dimensions,
      rotation: oneOf('rotation', options.rotation ?? 'hadamard', ['hadamard', 'none']),
      seed: seedOf(options.seed ?? 0),
      mean:
        oneOf('center', options.center ?? 'mean', ['mean', 'none']) === 'mean'
          ? Float32Array.from(sum, (units) => (Number(units) / rows) * SUM_UNIT)
          : undefined,
      map: this.#map,
      copy,
      scalars: true,
      ranges: copy === 'calibrated' ? this.#ranges(min, max, options.quantile ?? 1) : undefined,
      model: options.model,
      calibrationRows: rows,
    });
  }

  #ranges(min: Float32Array, max: Float32Array, quantile: number): Float32Array {
    const ranges = new Float32Array(2 * this.dimensions);
    ranges.set(min);
    ranges.set(max, this.dimensions);
    if (quantile !== 1) this.#clip(ranges, quantile);
    return ranges;
  }

  #clip(ranges: Float32Array, quantile: number): void {
    if (!(quantile > 0.5 && quantile < 1))
      throw outOfRange(`quantile must lie above 0.5 and at most at 1, got ${quantile}`);
    if (this.#histogram === undefined) throw wrongType('quantile needs a calibration with `histogram: true`');
    this.#histogram.clip(ranges, quantile);
  }
}

/**
 * Calibrates from any stream of batches (rows × inputDimensions each), in constant memory.
 *
 * @throws as `Calibration.add`; `ABORTED`
 */
export async function calibrate(
  batches: AsyncIterable<Float32Array> | Iterable<Float32Array>,
  options: CalibrationOptions & { readonly signal?: AbortSignal },
): Promise<Calibration> {
  const calibration = new Calibration(options);
  for await (const batch of batches) {
    throwIfAborted(options.signal);
    calibration.add(batch);
  }
  return calibration;
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) throw wrongType(`${name} must be one of ${allowed.join(', ')}, got ${value}`);
  return value;
}

function seedOf(seed: number): number {
  if (!Number.isSafeInteger(seed)) throw wrongType(`seed must be a whole number, got ${seed}`);
  return seed;
}
