/**
 * Bits as Postgres takes them in a binary parameter or COPY field: the number of bits (int32, big-endian), then the
 * packed bytes, most significant bit first.
 */
export function bitParameter(bits: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 + bits.length);
  bytes.writeInt32BE(bits.length * 8, 0);
  bytes.set(bits, 4);
  return bytes;
}

/** SQL that gives the packed bytes of a bit column as bytea, an eighth of its text. */
export function packedBits(column: string): string {
  return `substring(bit_send(${column}) from 5)`;
}

/** Bytes as a view of a typed array, which `pg` sends in binary. */
export function bytesOf(array: Uint8Array | Int8Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
