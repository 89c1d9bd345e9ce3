/** The key of a row: text, or a 64-bit integer. `'17'` and `17n` are different ids. */
export type Id = string | bigint;

/** Quantized rows of one codec, flat and row-major; the widths are those of `codec.layout`. */
export interface Codes {
  /** Fingerprint of the codec that made them; stores refuse any other. */
  readonly fingerprint: string;
  readonly rows: number;
  /** Packed bits, rows × dimensions / 8, most significant bit first. */
  readonly bits: Uint8Array;
  /** Codes of `f` and `r` of each row, rows × 2; empty for codecs of versions 1 and 2. */
  readonly scalars: Uint8Array;
  /** The copy that each row is rescored by, rows × layout.copy; empty for the copy `none`. */
  readonly copies: Uint8Array;
  /** How many values of a calibrated copy lay outside their ranges and were clamped; 0 for other copies. */
  readonly saturated: number;
}

/** One query, in the forms that the three stages of a search need. */
export interface PreparedQuery {
  /** Hamming scan: packed bits, dimensions / 8. */
  readonly bits: Uint8Array;
  /** Truncated and of length 1, for exact search: dimensions. */
  readonly embedding: Float32Array;
  /** Bit score: the query in 16-bit fixed point, so that every sum is an exact integer. */
  readonly bitWeights: Int16Array;
  /** Bit score: what each code of `r` takes off, 256 integers; undefined for codecs of versions 1 and 2. */
  readonly bitOffsets: Float64Array | undefined;
  /** Estimated cosine = bit score × bitScale + bitBias. Without scalars a bit score only orders. */
  readonly bitScale: number;
  readonly bitBias: number;
  /** Rescore: integers (in float64) whose sums with a copy's codes stay below 2^53, exact in any order of addition. */
  readonly rescoreWeights: Float64Array;
  /** Score = Σ weights × codes × rescoreScale (× the row's scale − its half square) + rescoreBias. */
  readonly rescoreScale: number;
  readonly rescoreBias: number;
}
