import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { NestbitError } from '../errors.ts';
import { partialName, syncFolderOf } from './partial.ts';

/**
 * A file that appears under its name only when it is whole: written beside it under a name of its own
 * (`<name>.partial-<pid>-<random>`), synced, renamed, and the folder synced. Of several writers of one path the last
 * to commit wins, whole. A run that is killed leaves at most its partial file.
 */
export class AtomicFile {
  readonly path: string;
  readonly #partial: string;
  readonly #handle: FileHandle;
  #position = 0;
  #open = true;
  #committed = false;

  private constructor(path: string, partial: string, handle: FileHandle) {
    this.path = path;
    this.#partial = partial;
    this.#handle = handle;
  }

  static async create(path: string): Promise<AtomicFile> {
    const partial = partialName(path);
    try {
      return new AtomicFile(path, partial, await open(partial, 'wx'));
    } catch (cause) {
      throw failed(path, cause);
    }
  }

  /** Appends, or overwrites at a position. */
  async write(bytes: Uint8Array, position?: number): Promise<void> {
    let at = position ?? this.#position;
    if (position === undefined) this.#position += bytes.length;
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, at);
        done += bytesWritten;
        at += bytesWritten;
      }
    } catch (cause) {
      throw failed(this.path, cause);
    }
  }

  /** Makes the file durable under its name. */
  async commit(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#close();
      await rename(this.#partial, this.path);
      this.#committed = true;
      await syncFolderOf(this.path);
    } catch (cause) {
      throw failed(this.path, cause);
    }
  }

  /** Removes what was written; after `commit` it does nothing. */
  async abort(): Promise<void> {
    if (this.#committed) return;
    try {
      await this.#close();
    } finally {
      await rm(this.#partial, { force: true });
    }
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
  }
}

/** Writes a whole small file atomically. */
export async function writeFileAtomic(path: string, content: string): Promise<void> {
  const file = await AtomicFile.create(path);
  try {
    await file.write(Buffer.from(content));
    await file.commit();
  } finally {
    await file.abort();
  }
}

function failed(path: string, cause: unknown): NestbitError {
  return new NestbitError('FILE_WRITE', `${path} cannot be written (${(cause as Error).message}).`, {
    cause,
  });
}
