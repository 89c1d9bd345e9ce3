import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import copy from 'pg-copy-streams';

/** Copies float vectors into the columns `id` (from 0) and `embedding` of a table. */
export async function copyFloats(
  client: PoolClient,
  table: string,
  dimensions: number,
  batches: Iterable<Float32Array>,
): Promise<void> {
  const sink = client.query(copy.from(`copy ${table} (id, embedding) from stdin (format binary)`));
  sink.write(Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1'));
  let id = 0n;
  for (const batch of batches) {
    const rows = batch.length / dimensions;
    const tuple = 2 + 4 + 8 + 4 + 4 + 4 * dimensions;
    const bytes = Buffer.alloc(rows * tuple);
    const values = Buffer.from(batch.slice().buffer).swap32();
    for (let row = 0, at = 0; row < rows; row++) {
      at = bytes.writeInt32BE(8, bytes.writeInt16BE(2, at));
      at = bytes.writeInt32BE(4 + 4 * dimensions, bytes.writeBigInt64BE(id++, at));
      at = bytes.writeInt16BE(0, bytes.writeInt16BE(dimensions, at));
      at += values.copy(bytes, at, row * 4 * dimensions, (row + 1) * 4 * dimensions);
    }
    if (!sink.write(bytes)) await once(sink, 'drain');
  }
  sink.end(Buffer.from([0xff, 0xff]));
  await finished(sink);
}
