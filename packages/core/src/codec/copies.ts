import { wrongType } from '../errors.ts';
/**
 * What a row keeps for the rescore, beside its bits:
 *
 * - `int8`: one byte a dimension of `y = R(x − μ)`, one scale a row. The default.
 * - `int4`: half of that on disk, and a little less recall.
 * - `int16`: two bytes a dimension, for the order of the floats themselves. It takes the place of float16: the same
 *   bytes, finer steps, and sums that stay exact.
 * - `none`: nothing; the bit score decides.
 * - `calibrated`: sentence-transformers' int8 by per-dimension ranges, where codes must equal those of others.
 */
export type CopyKind = 'int8' | 'int4' | 'int16' | 'none' | 'calibrated';

/** Bytes of each part of one row. */
export interface RowLayout {
  /** dimensions / 8 */
  readonly bits: number;
  /** 2, or 0 for codecs of versions 1 and 2. */
  readonly scalars: number;
  /** Bytes of the copy, its scale and half square included; 0 for `none`. */
  readonly copy: number;
}

/** Scale and half square of a row, float32 each, at the end of its copy. */
export const TAIL_BYTES = 8;

/** A row whose values are all smaller is the mean itself, as far as codes go: its inverse would not be finite. */
export const NOTHING: number = Math.fround(1e-30);
/** The largest int16 whose high and low byte planes both fit a signed byte. */
export const INT16_LARGEST = 32_639;
/** Step of a 4-bit quantizer with the least error on a normal distribution, in standard deviations (Max 1960). */
export const INT4_STEP = 0.3352;
/** Rows whose largest value is further out than this, in standard deviations, take a step that holds it. */
export const INT4_FAR = 5;

/** Bytes of one row's copy. */
export function copyBytes(kind: CopyKind, dimensions: number): number {
  switch (kind) {
    case 'int8':
      return dimensions + TAIL_BYTES;
    case 'int4':
      return dimensions / 2 + TAIL_BYTES;
    case 'int16':
      return 2 * dimensions + TAIL_BYTES;
    case 'calibrated':
      return dimensions;
    case 'none':
      return 0;
  }
}

/** Checks a kind of copy that a caller names; `float16` is understood as `int16`. */
export function checkCopyKind(kind: string): CopyKind {
  if (kind === 'float16') return 'int16';
  if (['int8', 'int4', 'int16', 'none', 'calibrated'].includes(kind)) return kind as CopyKind;
  throw wrongType(`copy must be one of int8, int4, int16, none, calibrated, got ${kind}`);
}

/** Sums over one centred and rotated row, each in eight partial sums, float32, by index % 8. */
export interface RowSums {
  /** Σ y² */
  readonly squared: number;
  /** Σ |y| */
  readonly absolute: number;
  /** max |y| */
  readonly largest: number;
}

/** The sums of one row. */
export function rowSums(y: Float32Array): RowSums {
  const squares = new Float32Array(8);
  const sizes = new Float32Array(8);
  let largest = 0;
  for (let i = 0; i < y.length; i++) {
    squares[i & 7] += Math.fround(y[i] * y[i]);
    sizes[i & 7] += Math.abs(y[i]);
    largest = Math.max(largest, Math.abs(y[i]));
  }
  return { squared: total(squares), absolute: total(sizes), largest };
}

/**
 * The copy of one row: codes, then `scale` and `half = Σ y² / 2` as float32, little-endian. A value is code × scale;
 * the scale makes `⟨y, copy⟩ = ⟨y, y⟩`, so that no row's score against itself is off, however its values lie between
 * the codes (RaBitQ's factor, SIGMOD 2024). `int4` codes are the odd integers −15 … 15.
 *
 * This is the definition; the codec runs the same in WebAssembly.
 *
 * @param y one centred and rotated row, shape (dimensions)
 */
export function quantizeCopy(
  y: Float32Array,
  kind: Exclude<CopyKind, 'calibrated'>,
  sums: RowSums = rowSums(y),
): Uint8Array {
  const n = y.length;
  const out = new Uint8Array(copyBytes(kind, n));
  if (kind === 'none') return out;
  const view = new DataView(out.buffer);
  view.setFloat32(out.length - 4, sums.squared / 2, true);
  if (sums.largest < NOTHING) return out;
  view.setFloat32(out.length - 8, sums.squared / total(WRITERS[kind](y, sums, view)), true);
  return out;
}

/** The values of a copy: code × scale, shape (dimensions). The inverse of `quantizeCopy`, up to its error. */
export function dequantizeCopy(
  copy: Uint8Array,
  kind: 'int8' | 'int4' | 'int16',
  dimensions: number,
): Float64Array {
  const scale = new DataView(copy.buffer, copy.byteOffset, copy.byteLength).getFloat32(copy.length - 8, true);
  return copyCodes(copy, kind, dimensions).map((code) => code * scale);
}

/** The integer codes of a copy, shape (dimensions). */
export function copyCodes(
  copy: Uint8Array,
  kind: Exclude<CopyKind, 'none'>,
  dimensions: number,
): Float64Array {
  const signed = (at: number): number => (copy[at] << 24) >> 24;
  const half = dimensions / 2;
  return Float64Array.from({ length: dimensions }, (_, i) => {
    if (kind === 'int16') return 256 * signed(i) + signed(dimensions + i);
    if (kind === 'int4') return 2 * (i < half ? copy[i] & 15 : copy[i - half] >> 4) - 15;
    return signed(i);
  });
}

/** Writes the codes of a row; returns the partial sums of value × code. */
type Writer = (y: Float32Array, sums: RowSums, view: DataView) => Float32Array;

const WRITERS: Record<'int8' | 'int4' | 'int16', Writer> = {
  int8: (y, { largest }, view) => {
    const inverse = Math.fround(127 / largest);
    return products(y, (value, i) => {
      const code = halfEven(Math.fround(value * inverse));
      view.setInt8(i, code);
      return code;
    });
  },
  int16: (y, { largest }, view) => {
    const inverse = Math.fround(INT16_LARGEST / largest);
    return products(y, (value, i) => {
      const nearest = halfEven(Math.fround(value * inverse));
      const code = Math.min(Math.max(nearest, -INT16_LARGEST), INT16_LARGEST);
      const high = (code + 128) >> 8;
      view.setInt8(i, high);
      view.setInt8(y.length + i, code - 256 * high);
      return code;
    });
  },
  int4: (y, { squared, largest }, view) => {
    const n = y.length;
    const deviation = Math.sqrt(squared / n);
    const step = largest > INT4_FAR * deviation ? largest / 8 : INT4_STEP * deviation;
    const inverse = Math.fround(1 / step);
    // The two halves have four partial sums each.
    const lane = (i: number): number => (i < n / 2 ? i & 3 : 4 + ((i - n / 2) & 3));
    return products(
      y,
      (value, i) => {
        const nibble = Math.min(Math.max(Math.floor(Math.fround(value * inverse)) + 8, 0), 15);
        if (i < n / 2) view.setUint8(i, nibble);
        else view.setUint8(i - n / 2, view.getUint8(i - n / 2) | (nibble << 4));
        return 2 * nibble - 15;
      },
      lane,
    );
  },
};

function products(
  y: Float32Array,
  write: (value: number, i: number) => number,
  lane = (i: number): number => i & 7,
): Float32Array {
  const partial = new Float32Array(8);
  for (let i = 0; i < y.length; i++) partial[lane(i)] += Math.fround(y[i] * write(y[i], i));
  return partial;
}

function total(partial: Float32Array): number {
  const [a, b, c, d] = [0, 1, 2, 3].map((lane) => Math.fround(partial[lane] + partial[lane + 4]));
  return a + c + (b + d);
}

// Rounds to the nearest integer, halves to the even one, as WebAssembly's f32x4.nearest does.
function halfEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
