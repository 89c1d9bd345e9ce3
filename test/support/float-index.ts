/** The bytes of a flat float index, as faiss writes IndexFlatIP (`IxFI`), IndexFlatL2 (`IxF2`) or one in an id map. */
export function floatIndexBytes(
  kind: 'IxFI' | 'IxF2',
  vectors: Float32Array,
  dimensions: number,
  ids?: readonly bigint[],
): Buffer {
  const rows = vectors.length / dimensions;
  const metric = kind === 'IxFI' ? 0 : 1;
  const flat = [header(kind, dimensions, rows, metric), count(vectors.length), bytesOf(vectors)];
  if (ids === undefined) return Buffer.concat(flat);
  const mapped = bytesOf(BigInt64Array.from(ids));
  return Buffer.concat([header('IxMp', dimensions, rows, metric), ...flat, count(rows), mapped]);
}

function header(kind: string, dimensions: number, rows: number, metric: number): Buffer {
  const bytes = Buffer.alloc(37);
  bytes.write(kind, 0, 'latin1');
  bytes.writeInt32LE(dimensions, 4);
  bytes.writeBigInt64LE(BigInt(rows), 8);
  bytes.writeBigInt64LE(1n << 20n, 16);
  bytes.writeBigInt64LE(1n << 20n, 24);
  bytes[32] = 1;
  bytes.writeInt32LE(metric, 33);
  return bytes;
}

function count(values: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(values));
  return bytes;
}

function bytesOf(values: Float32Array | BigInt64Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
