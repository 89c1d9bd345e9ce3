import type { FileHandle } from 'node:fs/promises';
import { endianness } from 'node:os';
import {
  type Id,
  NestbitError,
  openFile,
  throwIfAborted,
  type VectorBatch,
  type VectorSource,
} from '@nestbit/core';
import { type FloatIndexHeader, type Piece, readFloatHeader } from './header.ts';

const BATCH_BYTES = 8 << 20;

/**
 * Opens a float index of faiss whose vectors are whole (IndexFlatIP, IndexFlatL2 and IndexHNSWFlat, also in an id map,
 * and IndexIVFFlat), as faiss-node and others leave them, to shrink from. Its vectors stream by in bounded memory.
 *
 * @throws NestbitError `FILE_NOT_FOUND`, `INDEX_INVALID`, `UNSUPPORTED` for other kinds of index
 */
export async function openFloatIndex(path: string): Promise<FloatIndexFile> {
  if (endianness() !== 'LE')
    throw new NestbitError('UNSUPPORTED', 'faiss index files are little-endian, this machine is not.');
  const handle = await openFile(path);
  try {
    return new FloatIndexFile(path, handle, await readFloatHeader(handle, path));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A float index on disk, read by rows. */
export class FloatIndexFile implements VectorSource {
  readonly path: string;
  readonly rows: number;
  readonly dimensions: number;
  /** Whether it has an id map or is IVFFlat, whose rows stand in the order of its lists. */
  readonly hasIds: boolean;
  /** How its owner compared vectors; nestbit compares by cosine, which orders vectors of length 1 alike. */
  readonly metric: FloatIndexHeader['metric'];
  readonly #handle: FileHandle;
  readonly #header: FloatIndexHeader;

  constructor(path: string, handle: FileHandle, header: FloatIndexHeader) {
    this.path = path;
    this.rows = header.rows;
    this.dimensions = header.dimensions;
    this.hasIds = header.hasIds;
    this.metric = header.metric;
    this.#handle = handle;
    this.#header = header;
  }

  /**
   * Streams the rows, about 8 MB a batch unless told; ids are those of an id map or of IVF lists, absent without.
   *
   * @throws NestbitError `ABORTED`, `INDEX_INVALID` for a file that became shorter
   */
  async *batches(options: { batchRows?: number; signal?: AbortSignal } = {}): AsyncGenerator<VectorBatch> {
    const { dimensions } = this;
    const perBatch = options.batchRows ?? Math.max(1, Math.floor(BATCH_BYTES / (dimensions * 4)));
    let firstRow = 0;
    for (const piece of this.#header.pieces) {
      for (let at = 0; at < piece.rows; at += perBatch) {
        throwIfAborted(options.signal);
        const rows = Math.min(perBatch, piece.rows - at);
        const vectors = new Float32Array(rows * dimensions);
        await this.#read(vectors, piece.vectors + at * dimensions * 4);
        const ids = await this.#ids(piece, at, rows);
        yield { firstRow, rows, dimensions, vectors, ...(ids && { ids }) };
        firstRow += rows;
      }
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #ids(piece: Piece, firstRow: number, rows: number): Promise<Id[] | undefined> {
    if (piece.ids === undefined) return undefined;
    const ids = new BigInt64Array(rows);
    await this.#read(ids, piece.ids + firstRow * 8);
    return [...ids];
  }

  async #read(target: Float32Array | BigInt64Array, position: number): Promise<void> {
    const bytes = new Uint8Array(target.buffer);
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await this.#handle.read(bytes, done, bytes.length - done, position + done);
      if (bytesRead === 0)
        throw new NestbitError('INDEX_INVALID', `${this.path} ends at byte ${position + done}.`);
      done += bytesRead;
    }
  }
}
