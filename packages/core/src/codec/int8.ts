/**
 * How floats became scalar codes. `st5.7` is what sentence-transformers has done since 5.7 and what the
 * codec does; the older two read codes that older releases wrote.
 *
 * - `st5.7`: floor, clamped.
 * - `st5.4-5.6`: truncated towards zero after the shift by 128, wrapped outside of the range.
 * - `st<5.4`: the same, and a dimension of constant value divides by zero.
 */
export type Int8Profile = 'st5.7' | 'st5.4-5.6' | 'st<5.4';

/** Per-dimension [min; max], shape (2, dimensions); float64 ranges make all arithmetic float64, as in numpy. */
export type Ranges = Float32Array | Float64Array;

/** The width of one code per dimension: `(hi − lo) / 255`, 1 where that is 0 (`st<5.4`: 0 stays). */
export function int8Steps(ranges: Ranges, profile: Int8Profile = 'st5.7'): Ranges {
  const n = ranges.length / 2;
  const step = ranges instanceof Float32Array ? new Float32Array(n) : new Float64Array(n);
  const round = rounding(ranges);
  for (let i = 0; i < n; i++) {
    step[i] = round(round(ranges[n + i] - ranges[i]) / 255);
    if (step[i] === 0 && profile !== 'st<5.4') step[i] = 1;
  }
  return step;
}

/**
 * Scalar codes as sentence-transformers' `quantize_embeddings(precision="int8")`, bit for bit. NaN gives 0.
 *
 * @param vectors rows × dimensions
 * @param ranges (2, dimensions)
 * @returns rows × dimensions
 */
export function quantizeInt8(
  vectors: Float32Array,
  ranges: Ranges,
  profile: Int8Profile = 'st5.7',
): Int8Array {
  const out = new Int8Array(vectors.length);
  eachQuotient(vectors, ranges, profile, (at, q) => {
    out[at] = profile === 'st5.7' ? clampedInt8(q) : wrap(rounding(ranges)(q - 128));
  });
  return out;
}

/** Scalar codes as `quantize_embeddings(precision="uint8")`; see `quantizeInt8`. */
export function quantizeUint8(
  vectors: Float32Array,
  ranges: Ranges,
  profile: Int8Profile = 'st5.7',
): Uint8Array {
  const out = new Uint8Array(vectors.length);
  eachQuotient(vectors, ranges, profile, (at, q) => {
    out[at] = profile === 'st5.7' ? Math.min(Math.max(Math.floor(q), 0), 255) : wrap(q);
  });
  return out;
}

/**
 * The middle of each code's cell: `lo + (code + 128.5) × step`, and `lo` where a dimension is constant (step 0). Codes
 * of the older profiles were truncated towards zero, so the cells of negative codes lie one step lower and that of 0
 * is two steps wide.
 */
export function dequantizeInt8(
  codes: Int8Array,
  ranges: Ranges,
  profile: Int8Profile = 'st5.7',
): Float64Array {
  const n = ranges.length / 2;
  const step = int8Steps(ranges, 'st<5.4');
  return Float64Array.from(codes, (code, at) => {
    const half = profile === 'st5.7' ? 0.5 : 0.5 * Math.sign(code);
    return ranges[at % n] + (code + 128 + half) * step[at % n];
  });
}

function eachQuotient(
  vectors: Float32Array,
  ranges: Ranges,
  profile: Int8Profile,
  use: (at: number, q: number) => void,
): void {
  const n = ranges.length / 2;
  const step = int8Steps(ranges, profile);
  const round = rounding(ranges);
  for (let at = 0; at < vectors.length; at++) {
    const i = at % n;
    use(at, round(round(vectors[at] - ranges[i]) / step[i]));
  }
}

function rounding(ranges: Ranges): (x: number) => number {
  return ranges instanceof Float32Array ? Math.fround : (x) => x;
}

function clampedInt8(q: number): number {
  return Number.isNaN(q) ? 0 : Math.min(Math.max(Math.floor(q), 0), 255) - 128;
}

// What a C cast from float32 did on x86-64: modulo 256 within int32, 0 beyond and for NaN.
function wrap(q: number): number {
  return Math.abs(q) < 2 ** 31 ? Math.trunc(q) : 0;
}
