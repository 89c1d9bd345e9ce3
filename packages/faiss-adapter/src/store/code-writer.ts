import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Codes, NestbitError, Turns } from '@nestbit/core';
import { addon } from '../addon/native.ts';

const FILES = ['bits.u8', 'int8.i8', 'checks.u32'] as const;
/** Rows whose checksums are computed between two looks at the event loop. */
const ROWS_AT_ONCE = 4096;

/** Appends codes to the files of a generation. What is beyond the committed rows is written over. */
export class CodeWriter {
  readonly #handles: FileHandle[];
  readonly #folder: string;

  private constructor(folder: string, handles: FileHandle[]) {
    this.#folder = folder;
    this.#handles = handles;
  }

  /** @param rows committed; the files are cut there */
  static async open(folder: string, dimensions: number, rows: number): Promise<CodeWriter> {
    const handles: FileHandle[] = [];
    try {
      for (const [i, name] of FILES.entries()) {
        const path = join(folder, name);
        const handle = await open(path, 'r+');
        handles.push(handle);
        const bytes = rows * strides(dimensions)[i];
        const { size } = await handle.stat();
        if (size < bytes) {
          throw new NestbitError(
            'STORE_DAMAGED',
            `${path} has ${size} bytes, its ${rows} rows need ${bytes}. Restore the store from a copy.`,
          );
        }
        if (size > bytes) await handle.truncate(bytes);
      }
      return new CodeWriter(folder, handles);
    } catch (error) {
      for (const handle of handles) await handle.close();
      throw error;
    }
  }

  static async create(folder: string): Promise<void> {
    for (const name of FILES) await (await open(join(folder, name), 'wx')).close();
  }

  /** Writes codes from row `first` on; durable when it resolves. @throws NestbitError `STORE_FAILED` */
  async append(codes: Codes, first: number): Promise<void> {
    const dimensions = (codes.bits.length * 8) / codes.rows;
    const checks = await checksums(codes, dimensions);
    const parts = [codes.bits, codes.copies, checks];
    try {
      await Promise.all(
        this.#handles.map(async (handle, i) => {
          await writeAll(handle, parts[i], first * strides(dimensions)[i]);
          await handle.datasync();
        }),
      );
    } catch (cause) {
      const why = (cause as Error).message;
      throw new NestbitError(
        'STORE_FAILED',
        `The codes in ${this.#folder} cannot be written: ${why}. What was acknowledged before is safe.`,
        { cause },
      );
    }
  }

  async close(): Promise<void> {
    for (const handle of this.#handles) await handle.close();
  }
}

/** Bytes of a row in each file. */
function strides(dimensions: number): [number, number, number] {
  return [dimensions / 8, dimensions, 8];
}

async function checksums({ bits, copies, rows }: Codes, dimensions: number): Promise<Uint8Array> {
  const int8 = new Int8Array(copies.buffer, copies.byteOffset, copies.byteLength);
  const all = new Uint32Array(rows * 2);
  const turns = new Turns();
  for (let first = 0; first < rows; first += ROWS_AT_ONCE) {
    if (turns.due) await turns.give();
    const last = Math.min(rows, first + ROWS_AT_ONCE);
    const part = addon().checksums(
      bits.subarray((first * dimensions) / 8, (last * dimensions) / 8),
      int8.subarray(first * dimensions, last * dimensions),
      last - first,
    );
    all.set(part, first * 2);
  }
  return new Uint8Array(all.buffer);
}

async function writeAll(handle: FileHandle, bytes: Uint8Array | Int8Array, position: number): Promise<void> {
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let done = 0; done < view.length; ) {
    const { bytesWritten } = await handle.write(view, done, view.length - done, position + done);
    done += bytesWritten;
  }
}
