import { NestbitError, wrongType } from '../errors.ts';

/** Checks the two widths of a codec; returns the kept dimensions (default: all). */
export function checkDimensions(inputDimensions: number, dimensions: number = inputDimensions): number {
  for (const [name, value] of Object.entries({ inputDimensions, dimensions })) {
    if (!Number.isInteger(value) || value < 8 || value > 65_528) {
      throw new NestbitError('DIMENSIONS', `${name} is ${value}; it must be a whole number from 8 to 65528.`);
    }
  }
  if (dimensions % 8 !== 0) {
    throw new NestbitError(
      'DIMENSIONS',
      `dimensions is ${dimensions}, which does not divide by 8, so its bits fill no whole bytes. ` +
        `Truncate to ${dimensions - (dimensions % 8)}: --dimensions ${dimensions - (dimensions % 8)}.`,
    );
  }
  if (dimensions > inputDimensions) {
    throw new NestbitError(
      'DIMENSIONS',
      `dimensions is ${dimensions}, but the embeddings have only ${inputDimensions}. Keep at most ${inputDimensions}.`,
    );
  }
  return dimensions;
}

/** Checks that an array is whole rows, at least one; returns how many. */
export function rowsOf(embeddings: Float32Array, width: number, ids?: readonly unknown[]): number {
  if (!(embeddings instanceof Float32Array))
    throw wrongType('embeddings must be a Float32Array or arrays of numbers');
  if (embeddings.length === 0) {
    throw new NestbitError('BATCH_EMPTY', 'The batch holds no embedding; give at least one row.');
  }
  if (embeddings.length % width !== 0) {
    throw new NestbitError(
      'BATCH_SHAPE',
      `The batch holds ${embeddings.length} values, which is no whole number of rows of ${width} dimensions. ` +
        `Give rows × ${width} values, row-major; a codec reads the model's full width, before truncation.`,
    );
  }
  const rows = embeddings.length / width;
  if (ids !== undefined && ids.length !== rows) {
    throw new NestbitError(
      'BATCH_SHAPE',
      `The batch has ${ids.length} ids but ${rows} embeddings; give one id a row.`,
    );
  }
  return rows;
}
