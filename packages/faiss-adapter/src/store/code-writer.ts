import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Codes, NestbitError, Turns } from '@nestbit/core';
import type { CodeFile } from './code-layout.ts';

/** Rows written, and their checksums computed, between two looks at the event loop. */
const ROWS_AT_ONCE = 4096;

/** A file of codes, open for writing. */
interface OpenFile {
  readonly file: CodeFile;
  readonly handle: FileHandle;
}

/** Appends codes to the files of a generation. What is beyond the committed rows is written over. */
export class CodeWriter {
  readonly #files: OpenFile[];
  readonly #folder: string;

  private constructor(folder: string, files: OpenFile[]) {
    this.#folder = folder;
    this.#files = files;
  }

  /** @param rows committed; the files are cut there */
  static async open(folder: string, files: readonly CodeFile[], rows: number): Promise<CodeWriter> {
    const opened: OpenFile[] = [];
    try {
      for (const file of files) {
        const path = join(folder, file.name);
        const handle = await open(path, 'r+');
        opened.push({ file, handle });
        const bytes = rows * file.stride;
        const { size } = await handle.stat();
        if (size < bytes) {
          throw new NestbitError(
            'STORE_DAMAGED',
            `${path} has ${size} bytes, its ${rows} rows need ${bytes}. Restore the store from a copy.`,
          );
        }
        if (size > bytes) await handle.truncate(bytes);
      }
      return new CodeWriter(folder, opened);
    } catch (error) {
      for (const { handle } of opened) await handle.close();
      throw error;
    }
  }

  static async create(folder: string, files: readonly CodeFile[]): Promise<void> {
    for (const { name } of files) await (await open(join(folder, name), 'wx')).close();
  }

  /** Writes codes from row `first` on; durable when it resolves. @throws NestbitError `STORE_FAILED` */
  async append(codes: Codes, first: number): Promise<void> {
    const turns = new Turns();
    try {
      const done = await Promise.allSettled(this.#files.map((file) => appendTo(file, codes, first, turns)));
      // Only now: while another file is still being written, the next batch must not begin.
      for (const one of done) if (one.status === 'rejected') throw one.reason;
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
    for (const { handle } of this.#files) await handle.close();
  }
}

async function appendTo({ file, handle }: OpenFile, codes: Codes, row: number, turns: Turns): Promise<void> {
  for (let first = 0; first < codes.rows; first += ROWS_AT_ONCE) {
    if (turns.due) await turns.give();
    const content = file.content(codes, first, Math.min(codes.rows, first + ROWS_AT_ONCE));
    await writeAll(handle, content, (row + first) * file.stride);
  }
  await handle.datasync();
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
