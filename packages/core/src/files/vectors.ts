import type { Id } from '../codec/types.ts';
import { NestbitError } from '../errors.ts';
import type { Payload } from '../store/payload.ts';
import { openNpy } from './npy-file.ts';
import { readVectorRecords } from './records.ts';

/** Some rows of a file of vectors. */
export interface VectorBatch {
  /** Number of the first row in the file. */
  readonly firstRow: number;
  readonly rows: number;
  readonly dimensions: number;
  /** rows × dimensions, row-major. */
  readonly vectors: Float32Array;
  /** One a row, where the file has ids. */
  readonly ids?: readonly Id[];
  /** One a row, where the file has further fields. */
  readonly payloads?: readonly (Payload | undefined)[];
}

/** A file of vectors, streamed. */
export interface VectorSource {
  /** Known beforehand for `.npy` only. */
  readonly rows: number | undefined;
  readonly dimensions: number;
  /** Whether rows have ids of their own. Absent: as the first batch says. */
  readonly hasIds?: boolean;
  batches(options?: { batchRows?: number; signal?: AbortSignal }): AsyncIterable<VectorBatch>;
  close(): Promise<void>;
}

/**
 * Opens a file of vectors by its name: `.npy`, `.jsonl` or `.jsonl.gz`.
 *
 * @throws NestbitError `UNSUPPORTED` for another name, `FILE_NOT_FOUND`, and what its reader throws
 */
export async function openVectors(path: string): Promise<VectorSource> {
  if (path.endsWith('.npy')) {
    const file = await openNpy(path);
    return {
      rows: file.rows,
      dimensions: file.dimensions,
      hasIds: false,
      batches: (options) => file.vectors(options),
      close: () => file.close(),
    };
  }
  if (/\.jsonl(\.gz)?$/.test(path)) {
    for await (const { dimensions, ids } of readVectorRecords(path, { batchRows: 1 })) {
      return {
        rows: undefined,
        dimensions,
        hasIds: ids !== undefined,
        batches: (options) => readVectorRecords(path, options),
        close: async () => {},
      };
    }
    throw new NestbitError('BATCH_EMPTY', `${path} holds no vector.`);
  }
  throw new NestbitError('UNSUPPORTED', `${path} is of no known kind: .npy, .jsonl and .jsonl.gz are read.`);
}
