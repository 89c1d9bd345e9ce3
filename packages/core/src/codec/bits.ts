/**
 * Packs `x > 0` of each value, most significant bit first, every row padded with zero bits to whole bytes:
 * numpy `packbits(x > 0, axis=1)`, sentence-transformers `ubinary`, pgvector `binary_quantize`,
 * transformers.js. 0, −0 and NaN give 0.
 *
 * @param vectors rows × dimensions
 * @returns rows × ceil(dimensions / 8)
 */
export function quantizeBits(vectors: Float32Array, dimensions: number): Uint8Array {
  const rows = vectors.length / dimensions;
  const bytes = Math.ceil(dimensions / 8);
  const out = new Uint8Array(rows * bytes);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < dimensions; i++) {
      if (vectors[row * dimensions + i] > 0) out[row * bytes + (i >> 3)] |= 0x80 >> (i & 7);
    }
  }
  return out;
}

/** Packed bits as −1 and 1: rows × dimensions. The inverse of `quantizeBits`, up to the size of values. */
export function unpackBits(bits: Uint8Array, dimensions: number): Int8Array {
  const bytes = Math.ceil(dimensions / 8);
  const rows = bits.length / bytes;
  const out = new Int8Array(rows * dimensions);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < dimensions; i++) {
      out[row * dimensions + i] = (bits[row * bytes + (i >> 3)] & (0x80 >> (i & 7))) === 0 ? -1 : 1;
    }
  }
  return out;
}

/** sentence-transformers' `binary` (int8) of `ubinary` bytes: each byte − 128. */
export function toSignedBits(bits: Uint8Array): Int8Array {
  return Int8Array.from(bits, (byte) => byte ^ 0x80);
}
