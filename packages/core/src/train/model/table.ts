import { Float16Array } from '@petamoriken/float16';

/** A table of token rows as a model file stores it. */
export type StoredTable =
  | { readonly type: 'float16'; readonly values: Uint8Array }
  | { readonly type: 'int8'; readonly values: Uint8Array; readonly scales: Float32Array };

/** IEEE half precision, little endian. */
export function float16Table(table: Float32Array): StoredTable {
  const { buffer, byteOffset, byteLength } = Float16Array.from(table);
  return { type: 'float16', values: new Uint8Array(buffer, byteOffset, byteLength) };
}

/** Symmetric int8, one scale a row: `code = round(127 x / max |row|)`. */
export function int8Table(table: Float32Array, width: number): StoredTable {
  const codes = new Int8Array(table.length);
  const scales = new Float32Array(table.length / width);
  for (let row = 0; row < scales.length; row++) {
    const values = table.subarray(row * width, (row + 1) * width);
    let most = 0;
    for (const value of values) most = Math.max(most, Math.abs(value));
    scales[row] = most === 0 ? 1 : most / 127;
    for (let i = 0; i < width; i++) codes[row * width + i] = Math.round(values[i] / scales[row]);
  }
  return { type: 'int8', values: new Uint8Array(codes.buffer), scales };
}
