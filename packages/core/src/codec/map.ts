import { createHash } from 'node:crypto';
import { outOfRange, wrongType } from '../errors.ts';
import { littleEndian } from './settings.ts';

/**
 * Multiplies each row with a linear map: `out[j] = Σ_i x[i] · map[i][j]`, in float32, i in ascending order in one
 * sum, so that the result does not depend on how rows are split. A codec maps rows of length 1.
 *
 * This is the definition; the codec runs the same in WebAssembly.
 *
 * @param x rows × inputDimensions, row-major
 * @param map inputDimensions × dimensions, row-major: column j makes value j
 * @returns rows × dimensions
 */
export function mapRows(
  x: Float32Array,
  map: Float32Array,
  inputDimensions: number,
  dimensions: number,
): Float32Array {
  const rows = x.length / inputDimensions;
  const out = new Float32Array(rows * dimensions);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < inputDimensions; i++) {
      const value = x[row * inputDimensions + i];
      for (let j = 0; j < dimensions; j++) {
        out[row * dimensions + j] += Math.fround(value * map[i * dimensions + j]);
      }
    }
  }
  return out;
}

/**
 * Checks a map and cuts it to the columns that are kept.
 *
 * @param map inputDimensions × columns, columns ≥ dimensions
 * @returns inputDimensions × dimensions, a copy
 * @throws TypeError or RangeError
 */
export function cutMap(map: Float32Array, inputDimensions: number, dimensions: number): Float32Array {
  const columns = mapColumns(map, inputDimensions);
  if (columns < dimensions) {
    throw outOfRange(
      `map has ${columns} columns, but ${dimensions} dimensions are to be kept. Keep at most ${columns}.`,
    );
  }
  const out = new Float32Array(inputDimensions * dimensions);
  for (let i = 0; i < inputDimensions; i++) {
    out.set(map.subarray(i * columns, i * columns + dimensions), i * dimensions);
  }
  return out;
}

/** Columns of a map; checks its values. */
export function mapColumns(map: Float32Array, inputDimensions: number): number {
  if (!(map instanceof Float32Array)) throw wrongType('map must be a Float32Array');
  if (map.length === 0 || map.length % inputDimensions !== 0) {
    throw outOfRange(
      `map has ${map.length} values, which is no whole number of columns of ${inputDimensions}, the width of ` +
        'the embeddings. Give inputDimensions × columns values, row-major.',
    );
  }
  const bad = map.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw outOfRange(`map holds ${map[bad]} at ${bad}; only finite values can map`);
  return map.length / inputDimensions;
}

/** sha256 (hex) of a map: totals of two maps never meet in one calibration. */
export function mapIdentity(map: Float32Array): string {
  return createHash('sha256').update(littleEndian(map)).digest('hex');
}
