import { getFloat16 } from '@petamoriken/float16';
import type { NpyType } from './npy-header.ts';

let float16Table: Float32Array | undefined;

/** All 65 536 values of float16 as float32: one look-up a value is many times faster than decoding it. */
function float16Values(): Float32Array {
  if (float16Table === undefined) {
    const view = new DataView(new ArrayBuffer(2));
    float16Table = Float32Array.from({ length: 65_536 }, (_, bits) => {
      view.setUint16(0, bits);
      return getFloat16(view, 0);
    });
  }
  return float16Table;
}

/** Reverses the bytes of each value in place. */
export function swapBytes(bytes: Uint8Array, width: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) buffer.swap16();
  if (width === 4) buffer.swap32();
  if (width === 8) buffer.swap64();
}

/** Native-endian bytes of float values → float32 (float64 rounds to nearest). */
export function toFloat32(bytes: Uint8Array, type: NpyType): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes;
  if (type === 'float16') {
    const table = float16Values();
    return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), (bits) => table[bits]);
  }
  if (type === 'bfloat16') {
    // The upper half of a float32.
    const words = Uint32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), (half) => half << 16);
    return new Float32Array(words.buffer);
  }
  if (type === 'float64') return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}
