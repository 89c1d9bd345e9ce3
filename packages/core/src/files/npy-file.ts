import type { FileHandle } from 'node:fs/promises';
import { endianness } from 'node:os';
import { outOfRange, throwIfAborted } from '../errors.ts';
import { swapBytes, toFloat32 } from './npy-convert.ts';
import {
  BYTES_OF,
  HEADER_LIMIT,
  invalid,
  type NpyHeader,
  type NpyType,
  parseNpyHeader,
  unsupported,
} from './npy-header.ts';
import { openFile, readFully } from './open-file.ts';
import type { VectorBatch } from './vectors.ts';

const BATCH_BYTES = 8 << 20;

/** Opens a `.npy` file and checks its header against its size; nothing else is read yet. */
export async function openNpy(path: string): Promise<NpyFile> {
  const handle = await openFile(path);
  try {
    const { size } = await handle.stat();
    const start = Buffer.alloc(Math.min(size, HEADER_LIMIT));
    await readFully(handle, start, 0);
    const header = parseNpyHeader(start, path);
    const [rows, dimensions] = header.shape.length === 2 ? header.shape : [1, header.shape[0]];
    const expected = rows * dimensions * BYTES_OF[header.type];
    if (size - header.dataOffset < expected) {
      throw invalid(
        path,
        `its shape (${header.shape}) needs ${expected} bytes of values, ${size - header.dataOffset} are there`,
      );
    }
    return new NpyFile(path, handle, header, rows, dimensions);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * A `.npy` matrix on disk, read by rows. A one-dimensional array is one row. Bytes behind the array are
 * passed over, as numpy does.
 */
export class NpyFile {
  readonly path: string;
  readonly type: NpyType;
  readonly shape: readonly number[];
  readonly rows: number;
  readonly dimensions: number;
  readonly #handle: FileHandle;
  readonly #header: NpyHeader;

  constructor(path: string, handle: FileHandle, header: NpyHeader, rows: number, dimensions: number) {
    this.path = path;
    this.#handle = handle;
    this.#header = header;
    this.type = header.type;
    this.shape = header.shape;
    this.rows = rows;
    this.dimensions = dimensions;
  }

  /**
   * Streams the rows as float32, about 8 MB a batch unless told; the next batch is read while the last is
   * worked on. Every batch has memory of its own.
   *
   * @throws NestbitError `NPY_UNSUPPORTED` when the values are codes or ids, `ABORTED`
   */
  async *vectors(options: { batchRows?: number; signal?: AbortSignal } = {}): AsyncGenerator<VectorBatch> {
    this.#checkFloats();
    const perBatch = options.batchRows ?? Math.max(1, Math.floor(BATCH_BYTES / (this.dimensions * 4)));
    let next = this.readRows(0, Math.min(perBatch, this.rows));
    for (let firstRow = 0; firstRow < this.rows; firstRow += perBatch) {
      throwIfAborted(options.signal);
      const vectors = await next;
      const following = firstRow + perBatch;
      if (following < this.rows) {
        next = this.readRows(following, Math.min(perBatch, this.rows - following));
        // A failure is thrown when it is awaited, not before, even if the consumer stops here.
        next.catch(() => {});
      }
      yield { firstRow, rows: vectors.length / this.dimensions, dimensions: this.dimensions, vectors };
    }
  }

  /** Some rows as float32: count × dimensions. */
  async readRows(first: number, count: number): Promise<Float32Array> {
    this.#checkFloats();
    return toFloat32(await this.#bytes(first, count), this.type);
  }

  /** Some rows of int8 or uint8 codes as they are: count × dimensions. */
  async readCodes(first: number = 0, count: number = this.rows): Promise<Int8Array | Uint8Array> {
    if (this.type !== 'int8' && this.type !== 'uint8') {
      throw unsupported(this.path, `its values are ${this.type}; codes are int8 or uint8`);
    }
    const bytes = await this.#bytes(first, count);
    return this.type === 'uint8' ? bytes : new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** All values as ids; the file must be one-dimensional int64. */
  async readIds(): Promise<BigInt64Array> {
    if (this.type !== 'int64' || this.shape.length !== 1) {
      throw unsupported(
        this.path,
        `it holds ${this.type} of shape (${this.shape}); ids are one row of int64`,
      );
    }
    const bytes = await this.#bytes(0, 1);
    return new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #checkFloats(): void {
    if (!this.type.includes('float')) {
      throw unsupported(this.path, `it holds ${this.type} values; vectors are float16, float32 or float64`);
    }
    if (this.dimensions === 0 || (this.shape[0] === 0 && this.shape.length === 1)) {
      throw invalid(this.path, `its shape (${this.shape}) has no dimensions`);
    }
  }

  async #bytes(first: number, count: number): Promise<Uint8Array> {
    if (!(first >= 0 && count >= 0 && first + count <= this.rows)) {
      throw outOfRange(`rows ${first} to ${first + count} of ${this.path}, which has ${this.rows}`);
    }
    const width = BYTES_OF[this.type];
    const perRow = this.dimensions * width;
    const bytes = new Uint8Array(count * perRow);
    if (this.#header.columnsFirst) await this.#readColumns(bytes, first, count, width);
    else await this.#fill(bytes, first * perRow);
    if (this.#header.bigEndian !== (endianness() === 'BE') && width > 1) swapBytes(bytes, width);
    return bytes;
  }

  // Fortran order: each column has the rows' values side by side.
  async #readColumns(rows: Uint8Array, first: number, count: number, width: number): Promise<void> {
    const perRow = this.dimensions * width;
    const column = new Uint8Array(count * width);
    for (let i = 0; i < this.dimensions; i++) {
      await this.#fill(column, (i * this.rows + first) * width);
      for (let row = 0; row < count; row++)
        for (let byte = 0; byte < width; byte++)
          rows[row * perRow + i * width + byte] = column[row * width + byte];
    }
  }

  async #fill(bytes: Uint8Array, offset: number): Promise<void> {
    const read = await readFully(this.#handle, bytes, this.#header.dataOffset + offset);
    if (read < bytes.length) throw invalid(this.path, 'it became shorter while it was read');
  }
}
