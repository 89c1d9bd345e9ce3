import { checkDimensions, rowsOf } from '../../codec/shape.ts';
import { NestbitError, throwIfAborted } from '../../errors.ts';
import { whole } from '../settings.ts';
import { symmetricEigen } from './eigen.ts';
import { SecondMoment } from './moment.ts';

/** A linear map for `Calibration`, and what it was fitted on. */
export interface Adapter {
  /** inputDimensions × dimensions, row-major: column j makes dimension j of the kept ones. */
  readonly map: Float32Array;
  /** Width of the embeddings. */
  readonly inputDimensions: number;
  /** Widest width that is kept. */
  readonly dimensions: number;
  /** Rows, or pairs, that it was fitted on. */
  readonly rows: number;
}

export interface PcaAdapter extends Adapter {
  /** Share of the embeddings' squared length that the first n dimensions hold, at n − 1: ascending, at most 1. */
  readonly energy: Float64Array;
}

export interface PcaOptions {
  /** Width of the embeddings, in values. */
  readonly inputDimensions: number;
  /** Columns of the map, a multiple of 8. Default: inputDimensions, rounded down to one. */
  readonly dimensions?: number;
  readonly signal?: AbortSignal;
  /** Told the rows so far, after each batch. */
  readonly onProgress?: (rows: number) => void;
}

/**
 * Fits the orthogonal map whose first n dimensions hold more of the embeddings, for every n, than any other n could:
 * principal components about the origin (the eigenvectors of the second moment of the rows at length 1). No mean is
 * subtracted: at full width every cosine stays what it was, and measured on retrieval it was better so
 * (docs: Models that were not trained for it). Constant memory: 12 × inputDimensions² bytes in all and as much again for
 * the decomposition, which takes about 10 s at 1024 dimensions, and grows with the third power; it does not look at the
 * signal meanwhile. The same rows give the same bytes, however they are cut into batches.
 *
 * @param batches rows × inputDimensions each
 * @throws NestbitError `DATASET_INVALID` for fewer rows than dimensions, `BATCH_SHAPE`, `VECTOR_NOT_FINITE`,
 * `VECTOR_ZERO`, `ABORTED`
 * @throws RangeError when dimensions are above the width
 */
export async function fitPca(
  batches: AsyncIterable<Float32Array> | Iterable<Float32Array>,
  options: PcaOptions,
): Promise<PcaAdapter> {
  const { inputDimensions: width, signal, onProgress } = options;
  const n = checkWidths(width, options.dimensions);
  const moment = new SecondMoment(width);
  for await (const batch of batches) {
    throwIfAborted(signal);
    rowsOf(batch, width);
    moment.add(batch);
    onProgress?.(moment.rows);
  }
  if (moment.rows < n) {
    throw new NestbitError(
      'DATASET_INVALID',
      `There are ${moment.rows} embeddings to fit ${n} dimensions on; there must be at least as many rows as ` +
        `dimensions, better ten times as many. Give more rows, or keep fewer dimensions.`,
    );
  }
  throwIfAborted(signal);
  const { values, vectors } = symmetricEigen(moment.matrix(), width);
  const map = new Float32Array(width * n);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < n; j++) map[i * n + j] = vectors[i * width + j];
  }
  // Rounding can make the last values a little negative.
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  let sum = 0;
  const energy = Float64Array.from({ length: n }, (_, j) => {
    sum += Math.max(0, values[j]);
    return Math.min(1, sum / total);
  });
  return { map, inputDimensions: width, dimensions: n, rows: moment.rows, energy };
}

function checkWidths(width: number, dimensions: number = width - (width % 8)): number {
  whole('inputDimensions', width, 8, 65_528);
  whole('dimensions', dimensions, 8, width);
  return checkDimensions(width, dimensions);
}
