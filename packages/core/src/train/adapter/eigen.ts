import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** Eigenvalues, descending, and their vectors. */
export interface Eigen {
  readonly values: Float64Array;
  /** width × width, row-major: column j belongs to value j. */
  readonly vectors: Float64Array;
}

/**
 * Eigen decomposition of a symmetric matrix, width × width. The sign of a vector, which is free, is chosen so that its
 * greatest value (the first, of equal ones) is positive.
 */
export function symmetricEigen(matrix: Float64Array, width: number): Eigen {
  const rows = Array.from({ length: width }, (_, i) => matrix.subarray(i * width, (i + 1) * width));
  const found = new EigenvalueDecomposition(new Matrix(rows), { assumeSymmetric: true });
  const order = [...found.realEigenvalues.keys()].sort(
    (a, b) => found.realEigenvalues[b] - found.realEigenvalues[a],
  );
  const vectors = new Float64Array(width * width);
  order.forEach((from, j) => {
    const column = found.eigenvectorMatrix.getColumn(from);
    let greatest = 0;
    for (const value of column) if (Math.abs(value) > Math.abs(greatest)) greatest = value;
    const sign = greatest < 0 ? -1 : 1;
    for (let i = 0; i < width; i++) vectors[i * width + j] = sign * column[i];
  });
  return { values: Float64Array.from(order, (from) => found.realEigenvalues[from]), vectors };
}
