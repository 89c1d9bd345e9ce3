import type { FileHandle } from 'node:fs/promises';
import { NestbitError } from '@nestbit/core';

/** A place in an index file that moves on as its parts are read. All that it passes must lie within the file. */
export class Cursor {
  readonly path: string;
  at = 0;
  readonly #handle: FileHandle;
  readonly #size: number;

  constructor(handle: FileHandle, path: string, size: number) {
    this.#handle = handle;
    this.path = path;
    this.#size = size;
  }

  /** @throws NestbitError `INDEX_INVALID` where the file ends before */
  async bytes(count: number, what: string): Promise<Buffer> {
    const start = this.at;
    this.skip(count, what);
    const bytes = Buffer.alloc(count);
    const { bytesRead } = await this.#handle.read(bytes, 0, count, start);
    if (bytesRead < count) throw this.invalid(`it ends at byte ${start + bytesRead}, inside ${what}`);
    return bytes;
  }

  /** A size as faiss writes it: uint64. */
  async count(what: string): Promise<number> {
    return Number((await this.bytes(8, what)).readBigUInt64LE());
  }

  /** Passes over a vector of values of so many bytes, which begins with its length. */
  async skipVector(width: number, what: string): Promise<void> {
    this.skip((await this.count(what)) * width, what);
  }

  skip(count: number, what: string): void {
    this.at += count;
    if (!(this.at <= this.#size))
      throw this.invalid(`it has ${this.#size} bytes, its ${what} need ${this.at}`);
  }

  invalid(what: string): NestbitError {
    return new NestbitError('INDEX_INVALID', `${this.path} cannot be read as a faiss index: ${what}.`);
  }
}
