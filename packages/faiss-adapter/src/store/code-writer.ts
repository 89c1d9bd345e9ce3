import * as fs from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { type Codes, NestbitError, Turns } from '@nestbit/core';
import type { CodeFile } from './code-layout.ts';
import { runAll } from './failures.ts';

/** Rows written, and their checksums computed, between two looks at the event loop. */
const ROWS_AT_ONCE = 4096;

/** The file whose bytes check the others; the commit carries a checksum over it. */
const CHECKS = 'checks.u32';
const CHECKS_AT_ONCE = 1 << 20;

// Plain descriptors: a FileHandle that nobody closed would end the process when it is collected (Node 25 and later).
const openFile = promisify(fs.open);
const closeFile = promisify(fs.close);
const writeFile = promisify(fs.write);
const syncFile = promisify(fs.fdatasync);
const truncateFile = promisify(fs.ftruncate);
const statFile = promisify(fs.fstat);

/** A file of codes, open for writing. */
interface OpenFile {
  readonly file: CodeFile;
  readonly handle: number;
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
        const handle = await openFile(path, 'r+').catch((cause: Error) => {
          throw new NestbitError('STORE_DAMAGED', `${path} cannot be opened (${cause.message}).`, { cause });
        });
        opened.push({ file, handle });
        const bytes = rows * file.stride;
        const { size } = await statFile(handle);
        if (size < bytes) {
          throw new NestbitError(
            'STORE_DAMAGED',
            `${path} has ${size} bytes, its ${rows} rows need ${bytes}. Restore the store from a copy.`,
          );
        }
        if (size > bytes) await truncateFile(handle, bytes);
      }
      return new CodeWriter(folder, opened);
    } catch (error) {
      for (const { handle } of opened) await closeFile(handle);
      throw error;
    }
  }

  static async create(folder: string, files: readonly CodeFile[]): Promise<void> {
    for (const { name } of files) await (await open(join(folder, name), 'wx')).close();
  }

  /**
   * Writes codes from row `first` on; durable when it resolves.
   *
   * @param sum checksum over `checks.u32` before
   * @returns the same with these rows
   * @throws NestbitError `STORE_FAILED`
   */
  async append(codes: Codes, first: number, sum: number): Promise<number> {
    const turns = new Turns();
    try {
      const done = await Promise.allSettled(
        this.#files.map((file) => appendTo(file, codes, first, sum, turns)),
      );
      // Only now: while another file is still being written, the next batch must not begin.
      let after = sum;
      for (const [i, one] of done.entries()) {
        if (one.status === 'rejected') throw one.reason;
        if (this.#files[i].file.name === CHECKS) after = one.value;
      }
      return after;
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
    await runAll(
      this.#files.splice(0).map(
        ({ handle }) =>
          () =>
            closeFile(handle),
      ),
    );
  }
}

/** CRC-32 over the checks of the first rows. @throws NestbitError `STORE_DAMAGED` when there are fewer */
export async function sumOfChecks(folder: string, files: readonly CodeFile[], rows: number): Promise<number> {
  const { stride } = files.find(({ name }) => name === CHECKS) as CodeFile;
  const path = join(folder, CHECKS);
  const cut = (cause?: unknown): NestbitError =>
    new NestbitError(
      'STORE_DAMAGED',
      `${path} lacks checks of its ${rows} rows. Restore the store from a copy.`,
      {
        cause,
      },
    );
  const file = await openFile(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK).catch((cause) => {
    throw cut(cause);
  });
  try {
    const read = promisify(fs.read);
    const buffer = Buffer.allocUnsafe(Math.min(CHECKS_AT_ONCE, rows * stride));
    let sum = 0;
    for (let done = 0; done < rows * stride; ) {
      const { bytesRead } = await read(file, buffer, 0, Math.min(buffer.length, rows * stride - done), done);
      if (bytesRead === 0) throw cut();
      sum = crc32(buffer.subarray(0, bytesRead), sum);
      done += bytesRead;
    }
    return sum;
  } finally {
    await closeFile(file);
  }
}

async function appendTo(
  { file, handle }: OpenFile,
  codes: Codes,
  row: number,
  before: number,
  turns: Turns,
): Promise<number> {
  let sum = before;
  for (let first = 0; first < codes.rows; first += ROWS_AT_ONCE) {
    if (turns.due) await turns.give();
    const content = file.content(codes, first, Math.min(codes.rows, first + ROWS_AT_ONCE));
    if (file.name === CHECKS) sum = crc32(content, sum);
    await writeAll(handle, content, (row + first) * file.stride);
  }
  await syncFile(handle);
  return sum;
}

async function writeAll(handle: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await writeFile(handle, bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
