import { centred, next } from './noise.ts';

/** Rows that the length of the common vector is fitted on. */
const SAMPLE = 2000;

/**
 * Vectors that all lean in one direction, as the embeddings of many models do (e5, ada-002, gte: mean cosine .6 to .9):
 * a common vector is added to rows of length 1, which are then normalized.
 *
 * @param sets rows × dimensions each, such as documents and their queries; the first one decides the length
 * @param meanCosine of two different rows of the first set, wanted: above what it is, and below 1
 * @returns new arrays, in the order of the sets
 */
export function leaningVectors(
  sets: readonly Float32Array[],
  dimensions: number,
  meanCosine: number,
  seed = 1,
): Float32Array[] {
  let state = seed;
  const direction = Float32Array.from({ length: dimensions }, () => {
    state = next(state);
    return centred(state);
  });
  const common = scaled(direction, 1 / length(direction, 0, dimensions));
  const units = sets.map((set) => normalized(set, dimensions));
  const sample = units[0].subarray(0, SAMPLE * dimensions);
  let [low, high] = [0, 64];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (cosine(added(sample, common, middle), dimensions) < meanCosine) low = middle;
    else high = middle;
  }
  return units.map((set) => added(set, common, high));
}

/** Mean cosine of two different rows, from the length of the mean of rows of length 1. */
function cosine(unit: Float32Array, dimensions: number): number {
  const rows = unit.length / dimensions;
  const mean = new Float64Array(dimensions);
  for (let at = 0; at < unit.length; at++) mean[at % dimensions] += unit[at] / rows;
  const squared = mean.reduce((sum, value) => sum + value * value, 0);
  return (squared * rows - 1) / (rows - 1);
}

function added(unit: Float32Array, common: Float32Array, size: number): Float32Array {
  const n = common.length;
  return normalized(
    unit.map((value, at) => value + size * common[at % n]),
    n,
  );
}

function normalized(vectors: Float32Array, n: number): Float32Array {
  const out = new Float32Array(vectors.length);
  for (let start = 0; start < vectors.length; start += n) {
    out.set(scaled(vectors.subarray(start, start + n), 1 / length(vectors, start, n)), start);
  }
  return out;
}

function length(vectors: Float32Array, start: number, n: number): number {
  let sum = 0;
  for (let i = start; i < start + n; i++) sum += vectors[i] ** 2;
  return Math.sqrt(sum);
}

function scaled(vector: Float32Array, by: number): Float32Array {
  return vector.map((value) => value * by);
}
