/**
 * The two scalars of a row: `r = ‖y‖` and `f = r² / ‖y‖₁`, a byte each. A byte is a code for a multiple of a step:
 * linear up to 1.5 times the typical length (192 codes), then in ever wider steps up to the longest length that a
 * vector of length 1 can have after centring, so that no row is out of range.
 */
export interface ScalarSteps {
  /** One unit of `r`. */
  readonly r: number;
  /** One unit of `f √n`. */
  readonly f: number;
}

/** Linear codes; from there on a step is 4, 16, 128 and 1024 units wide. */
const LINEAR = 192;
const SEGMENTS = [
  { first: 192, units: 192, step: 4 },
  { first: 208, units: 256, step: 16 },
  { first: 224, units: 512, step: 128 },
  { first: 240, units: 2560, step: 1024 },
] as const;
/** Units of code 255. */
const MOST_UNITS = 2560 + 15 * 1024;
/** Units of a row of typical length. */
const TYPICAL_UNITS = 128;
/** `f √n` of a rotated row of length 1: √(π / 2). */
const TYPICAL_RATIO = Math.sqrt(Math.PI / 2);

/**
 * The steps of a codec. Rows of length 1 around a mean μ have `E r² = 1 − ‖μ‖²`.
 *
 * @param mean shape (dimensions); undefined: the codec does not centre
 */
export function scalarSteps(dimensions: number, mean: Float32Array | undefined): ScalarSteps {
  const squared = squaredLength(mean);
  const longest = 1 + Math.sqrt(squared);
  const typical = Math.sqrt(Math.max(0, 1 - squared));
  return {
    r: Math.max(typical / TYPICAL_UNITS, longest / MOST_UNITS),
    f: Math.max((TYPICAL_RATIO * typical) / TYPICAL_UNITS, (longest * Math.sqrt(dimensions)) / MOST_UNITS),
  };
}

/** Σ μ², in ascending order; 0 without a mean. */
export function squaredLength(mean: Float32Array | undefined): number {
  let squared = 0;
  for (let i = 0; i < (mean?.length ?? 0); i++) squared += (mean as Float32Array)[i] ** 2;
  return squared;
}

/** The units that each code stands for: 256 ascending integers. */
export function scalarUnits(): Float64Array {
  return Float64Array.from({ length: 256 }, (_, code) => {
    if (code <= LINEAR) return code;
    const segment = [...SEGMENTS].reverse().find(({ first }) => code > first) ?? SEGMENTS[0];
    return segment.units + segment.step * (code - segment.first);
  });
}

/** The code of some units ≥ 0, the nearest one. The definition; the codec runs the same in WebAssembly. */
export function scalarCode(units: number): number {
  if (units <= LINEAR) return Math.floor(units + 0.5);
  for (const { first, units: from, step } of SEGMENTS) {
    if (units <= from + 16 * step) return Math.min(255, first + Math.floor((units - from) / step + 0.5));
  }
  return 255;
}

/** The scalars of one row: [code of f, code of r]. */
export function quantizeScalars(
  { squared, absolute }: { readonly squared: number; readonly absolute: number },
  dimensions: number,
  steps: ScalarSteps,
): [number, number] {
  const ratio = absolute === 0 ? 0 : squared / absolute;
  return [
    scalarCode(ratio * (Math.sqrt(dimensions) / steps.f)),
    scalarCode(Math.sqrt(squared) * (1 / steps.r)),
  ];
}
