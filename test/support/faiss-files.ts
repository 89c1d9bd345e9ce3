// Files of faiss's binary format, put together by hand.

const HEADER_BYTES = 25;

/** The head of every index in a file: kind, dimensions, bytes of a code, rows, trained, metric. */
export function indexHead(kind: string, dimensions: number, codeSize: number, rows: number): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.write(kind, 'latin1');
  head.writeInt32LE(dimensions, 4);
  head.writeInt32LE(codeSize, 8);
  head.writeBigInt64LE(BigInt(rows), 12);
  head[20] = 1;
  head.writeInt32LE(1, 21);
  return head;
}

/** A number in front of an array. */
export function count(values: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(values));
  return bytes;
}

/** An index file inside an id map (`IBMp`, or `IBM2` with a way back); faiss leaves the size of its codes at 0. */
export function idMap(inner: Buffer, ids: readonly bigint[], kind: 'IBMp' | 'IBM2' = 'IBMp'): Buffer {
  const head = indexHead(kind, inner.readInt32LE(4), 0, Number(inner.readBigInt64LE(12)));
  return Buffer.concat([head, inner, count(ids.length), Buffer.from(BigInt64Array.from(ids).buffer)]);
}
