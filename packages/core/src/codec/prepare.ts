import { bitWeights } from './bit-score.ts';
import type { CopyKind } from './copies.ts';
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
}

const UNITS = scalarUnits();

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
  { copy, steps, mean, ranges }: QueryTables,
  bits: Uint8Array,
  embedding: Float32Array,
  rotated: Float32Array,
): PreparedQuery {
  const n = embedding.length;
  const constant = queryConstant(embedding, mean);
  const { weights, unit } = bitWeights(rotated);
  const bitScale = steps === undefined ? 1 : (steps.f / Math.sqrt(n)) * unit;
  const folded =
    copy === 'calibrated'
      ? foldCalibrated(embedding, ranges as Float32Array)
      : foldRotated(rotated, copy, constant);
  return {
    bits,
    embedding,
    bitWeights: weights,
    bitOffsets: steps === undefined ? undefined : bitOffsets(steps, bitScale),
    bitScale,
    bitBias: steps === undefined ? 0 : constant,
    rescoreWeights: folded.weights,
    rescoreScale: folded.scale,
    rescoreBias: folded.bias,
  };
}

/** `⟨q, μ⟩ + (1 − ‖μ‖²) / 2`, summed in ascending order. */
function queryConstant(query: Float32Array, mean: Float32Array | undefined): number {
  let product = 0;
  for (let i = 0; i < (mean?.length ?? 0); i++) product += query[i] * (mean as Float32Array)[i];
  return product + (1 - squaredLength(mean)) / 2;
}

/** `r² / 2` of each code of `r`, in whole units of the bit score. */
function bitOffsets(steps: ScalarSteps, unit: number): Float64Array {
  return UNITS.map((units) => Math.round((units * steps.r) ** 2 / 2 / unit));
}
