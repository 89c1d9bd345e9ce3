import { bitWeights } from './bit-score.ts';
import type { CopyKind } from './copies.ts';
import { int8Steps } from './int8.ts';
import { foldCalibrated, foldRotated } from './rescore.ts';
import { type ScalarSteps, scalarUnits, squaredLength } from './scalars.ts';
import type { PreparedQuery } from './types.ts';

/** What the preparation of a query needs of a codec. */
export interface QueryTables {
  readonly copy: CopyKind;
  /** Undefined for codecs of versions 1 and 2. */
  readonly steps: ScalarSteps | undefined;
  readonly mean: Float32Array | undefined;
  /** Of a calibrated copy. */
  readonly ranges: Float32Array | undefined;
  /** `(1 − ‖μ‖²) / 2` */
  readonly meanConstant: number;
  /** `r² / 2` of each code of `r`; empty without `steps`. */
  readonly halfSquares: Float64Array;
  /** Step of each dimension of a calibrated copy, 0 where it is constant. */
  readonly rangeSteps: Float32Array | undefined;
}

/** Computes once what all queries of a codec share. */
export function queryTables(tables: Pick<QueryTables, 'copy' | 'steps' | 'mean' | 'ranges'>): QueryTables {
  const { steps, mean, ranges } = tables;
  return {
    ...tables,
    meanConstant: (1 - squaredLength(mean)) / 2,
    halfSquares:
      steps === undefined ? new Float64Array(0) : scalarUnits().map((units) => (units * steps.r) ** 2 / 2),
    rangeSteps: ranges && (int8Steps(ranges, 'st<5.4') as Float32Array),
  };
}

/**
 * One query in the forms of the three stages. `⟨q, x⟩ = ⟨q, μ⟩ + ⟨μ, x⟩ − ‖μ‖² + ⟨R(q − μ), R(x − μ)⟩`, and since
 * rows have length 1, `⟨μ, x⟩ = (1 + ‖μ‖² − r²) / 2` with `r = ‖x − μ‖`: what rows differ in beside the last term is
 * `−r² / 2`, and `⟨q, μ⟩ + (1 − ‖μ‖²) / 2` is the query's constant.
 *
 * @param bits of the query as of a row, dimensions / 8
 * @param embedding truncated, length 1, shape (dimensions)
 * @param rotated `R(q − μ)`; `R q` for codecs of versions 1 and 2; shape (dimensions)
 */
export function prepareQuery(
  tables: QueryTables,
  bits: Uint8Array,
  embedding: Float32Array,
  rotated: Float32Array,
): PreparedQuery {
  const { copy, steps, ranges, rangeSteps } = tables;
  const n = embedding.length;
  const constant = steps === undefined ? 0 : queryConstant(embedding, tables);
  const { weights, unit } = bitWeights(rotated);
  const bitScale = steps === undefined ? 1 : (steps.f / Math.sqrt(n)) * unit;
  const folded =
    copy === 'calibrated'
      ? foldCalibrated(embedding, ranges as Float32Array, rangeSteps as Float32Array)
      : foldRotated(rotated, copy, constant);
  return {
    bits,
    embedding,
    bitWeights: weights,
    bitOffsets: steps === undefined ? undefined : bitOffsets(tables.halfSquares, bitScale),
    bitScale,
    bitBias: steps === undefined ? 0 : constant,
    rescoreWeights: folded.weights,
    rescoreScale: folded.scale,
    rescoreBias: folded.bias,
  };
}

/** `⟨q, μ⟩ + (1 − ‖μ‖²) / 2`, summed in ascending order. */
function queryConstant(query: Float32Array, { mean, meanConstant }: QueryTables): number {
  let product = 0;
  if (mean !== undefined) for (let i = 0; i < mean.length; i++) product += query[i] * mean[i];
  return product + meanConstant;
}

/** `r² / 2` of each code of `r`, in whole units of the bit score. */
function bitOffsets(halfSquares: Float64Array, unit: number): Float64Array {
  const offsets = new Float64Array(halfSquares.length);
  for (let code = 0; code < offsets.length; code++) offsets[code] = Math.round(halfSquares[code] / unit);
  return offsets;
}
