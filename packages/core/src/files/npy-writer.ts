import { outOfRange } from '../errors.ts';
import { AtomicFile } from './atomic-file.ts';

const DESCR = { float32: '<f4', int8: '|i1', uint8: '|u1' } as const;
const HEADER_BYTES = 128;

/**
 * Writes a `.npy` matrix row by row (version 1, C order). The file appears under its name at `commit`, with
 * the number of rows that came; `abort` leaves nothing.
 */
export class NpyWriter {
  readonly #file: AtomicFile;
  readonly #type: keyof typeof DESCR;
  readonly #dimensions: number;
  #rows = 0;

  private constructor(file: AtomicFile, type: keyof typeof DESCR, dimensions: number) {
    this.#file = file;
    this.#type = type;
    this.#dimensions = dimensions;
  }

  static async create(path: string, type: keyof typeof DESCR, dimensions: number): Promise<NpyWriter> {
    const file = await AtomicFile.create(path);
    try {
      await file.write(new Uint8Array(HEADER_BYTES));
      return new NpyWriter(file, type, dimensions);
    } catch (error) {
      await file.abort();
      throw error;
    }
  }

  /** Appends whole rows: rows × dimensions values of the writer's type. */
  async append(values: Float32Array | Int8Array | Uint8Array): Promise<void> {
    if (values.length % this.#dimensions !== 0) {
      throw outOfRange(`${values.length} values are no whole rows of ${this.#dimensions}`);
    }
    this.#rows += values.length / this.#dimensions;
    await this.#file.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** Completes the file; returns its rows. */
  async commit(): Promise<number> {
    const shape = `(${this.#rows}, ${this.#dimensions})`;
    const text = `{'descr': '${DESCR[this.#type]}', 'fortran_order': False, 'shape': ${shape}, }`;
    const header = Buffer.alloc(HEADER_BYTES, ' ');
    header.write('\x93NUMPY\x01\x00', 'latin1');
    header.writeUInt16LE(HEADER_BYTES - 10, 8);
    header.write(text, 10, 'latin1');
    header.write('\n', HEADER_BYTES - 1);
    await this.#file.write(header, 0);
    await this.#file.commit();
    return this.#rows;
  }

  async abort(): Promise<void> {
    await this.#file.abort();
  }
}
