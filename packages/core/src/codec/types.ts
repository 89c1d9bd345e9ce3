/** The key of a row: text, or a 64-bit integer. `'17'` and `17n` are different ids. */
export type Id = string | bigint;

/** Quantized rows of one codec, flat and row-major. */
export interface Codes {
  /** Fingerprint of the codec that made them; stores refuse any other. */
  readonly fingerprint: string;
  readonly rows: number;
  /** Packed bits, rows × dimensions / 8, most significant bit first. */
  readonly bits: Uint8Array;
  /** Scalar codes, rows × dimensions. */
  readonly int8: Int8Array;
  /** How many of the rows × dimensions values lay outside the calibrated ranges and were clamped. */
  readonly saturated: number;
}

/** One query, in the forms that the three stages of a search need. */
export interface PreparedQuery {
  /** Hamming stage: packed bits, dimensions / 8. */
  readonly bits: Uint8Array;
  /** Truncated and of length 1, for exact search: dimensions. */
  readonly embedding: Float32Array;
  /** Refine stage: the rotated query in 16-bit fixed point, so that every sum is an exact integer. */
  readonly refineWeights: Int16Array;
  /** Rescore stage: integers (in float64) whose sums stay below 2^53, exact in any order of addition. */
  readonly rescoreWeights: Float64Array;
  /** score = Σ weights × codes × rescoreScale + rescoreBias. */
  readonly rescoreScale: number;
  readonly rescoreBias: number;
}
