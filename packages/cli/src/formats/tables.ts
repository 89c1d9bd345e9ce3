import { open, readFile } from 'node:fs/promises';
import { NestbitError } from '@nestbit/core';
import type { PlacedRecord } from './records.ts';

/** Rows of a Parquet file that are read at once. */
const ROWS_AT_ONCE = 2048;

/** The rows of a Parquet file, a few thousand in memory at once. */
export async function* parquetRecords(path: string): AsyncGenerator<PlacedRecord> {
  // Loaded for these files alone.
  const [{ parquetMetadataAsync, parquetReadObjects }, { compressors }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet-compressors'),
  ]);
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const file = {
      byteLength: size,
      slice: async (start: number, end: number = size): Promise<ArrayBuffer> => {
        const bytes = new Uint8Array(end - start);
        await handle.read(bytes, 0, bytes.length, start);
        return bytes.buffer;
      },
    };
    const metadata = await readable(path, 'Parquet', parquetMetadataAsync(file));
    const rows = Number(metadata.num_rows);
    for (let first = 0; first < rows; first += ROWS_AT_ONCE) {
      const end = Math.min(rows, first + ROWS_AT_ONCE);
      const options = { file, metadata, compressors, rowStart: first, rowEnd: end };
      const records = await readable(path, 'Parquet', parquetReadObjects(options));
      for (const [i, fields] of records.entries()) yield { where: `${path}, row ${first + i}`, fields };
    }
  } finally {
    await handle.close();
  }
}

/** The rows of an Arrow file or stream (Feather version 2). */
export async function* arrowRecords(path: string): AsyncGenerator<PlacedRecord> {
  const { RecordBatchReader } = await import('apache-arrow');
  const reader = await readable(path, 'Arrow', (async () => RecordBatchReader.from(await readFile(path)))());
  let row = 0;
  const batches = reader[Symbol.iterator]() as Iterator<
    Iterable<{ toJSON(): Record<string, unknown> } | null>
  >;
  for (;;) {
    const batch = await readable(
      path,
      'Arrow',
      Promise.resolve().then(() => batches.next()),
    );
    if (batch.done === true) return;
    for (const fields of batch.value)
      yield { where: `${path}, row ${row++}`, fields: fields?.toJSON() ?? {} };
  }
}

async function readable<T>(path: string, kind: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new NestbitError(
      'DATASET_INVALID',
      `${path} cannot be read as ${kind} (${(cause as Error).message}).`,
      { cause },
    );
  }
}
