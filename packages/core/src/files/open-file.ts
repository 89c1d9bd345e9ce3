import { type FileHandle, open } from 'node:fs/promises';
import { NestbitError } from '../errors.ts';

/** Opens a file for reading; a missing one is `FILE_NOT_FOUND`. */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    const handle = await open(path, 'r');
    if ((await handle.stat()).isDirectory()) {
      await handle.close();
      throw new NestbitError('FILE_NOT_FOUND', `${path} is a folder, not a file.`);
    }
    return handle;
  } catch (cause) {
    if (cause instanceof NestbitError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be opened (${message})`;
    throw new NestbitError('FILE_NOT_FOUND', `${path} ${what}.`, { cause });
  }
}

/** Fills the buffer from a position; returns how many bytes there were. */
export async function readFully(handle: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}
