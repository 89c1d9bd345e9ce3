import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What folders that cannot be synced answer with, by platform and file system. */
const NOT_SYNCED = new Set(['EINVAL', 'EISDIR', 'EPERM', 'EACCES', 'EBADF', 'ENOTSUP', 'EROFS']);

/** A name beside a path for a file that is not whole yet; no other writer has the same, in this process or another. */
export function partialName(path: string): string {
  return `${path}.partial-${process.pid}-${randomBytes(6).toString('hex')}`;
}

/** Makes the names in the folder of a path durable; renaming alone may be undone by a power cut. */
export async function syncFolderOf(path: string): Promise<void> {
  try {
    const folder = await open(dirname(path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    passOver(error);
  }
}

/** The same, synchronously. */
export function syncFolderOfSync(path: string): void {
  try {
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    passOver(error);
  }
}

function passOver(error: unknown): void {
  if (!NOT_SYNCED.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
}
