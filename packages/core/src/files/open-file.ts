import { constants, isUtf8 } from 'node:buffer';
import type { Stats } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { NestbitError } from '../errors.ts';

/**
 * Opens a file for reading. A pipe is refused before it is opened, which would hold one of Node's few file threads
 * until somebody writes to it.
 *
 * @throws NestbitError `FILE_NOT_FOUND`
 */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    checkRegular(path, await stat(path));
    return await open(path, 'r');
  } catch (cause) {
    throw notOpened(path, cause);
  }
}

/**
 * Reads a whole file, which must be UTF-8 text; a byte order mark is left out.
 *
 * @param invalid makes the error for other bytes
 * @throws NestbitError `FILE_NOT_FOUND`
 */
export async function readText(path: string, invalid: (what: string) => Error): Promise<string> {
  let bytes: Buffer;
  try {
    checkRegular(path, await stat(path));
    bytes = await readFile(path);
  } catch (cause) {
    throw notOpened(path, cause);
  }
  if (bytes.length > constants.MAX_STRING_LENGTH)
    throw invalid(`it has ${bytes.length} bytes, more than a string holds (${constants.MAX_STRING_LENGTH})`);
  if (!isUtf8(bytes)) throw invalid('it is not valid UTF-8');
  const text = bytes.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function checkRegular(path: string, stats: Stats): void {
  if (stats.isFile()) return;
  const kind = stats.isDirectory() ? 'a folder' : stats.isFIFO() ? 'a named pipe' : 'a device or socket';
  throw new NestbitError('FILE_NOT_FOUND', `${path} is ${kind}, not a file.`);
}

function notOpened(path: string, cause: unknown): Error {
  if (cause instanceof NestbitError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const what = code === 'ENOENT' ? 'does not exist' : `cannot be opened (${message})`;
  return new NestbitError('FILE_NOT_FOUND', `${path} ${what}.`, { cause });
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
