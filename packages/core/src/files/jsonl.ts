import type { ReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';
import { NestbitError, throwIfAborted } from '../errors.ts';
import { LONGEST_LINE, readLines } from './lines.ts';
import { openFile, readFully } from './open-file.ts';

export interface JsonLine {
  /** Counted from 1. */
  readonly line: number;
  readonly value: Record<string, unknown>;
}

/**
 * Streams a JSONL file, one object a line, also gzipped (told by its first bytes, not its name). Blank lines
 * are passed over. Lines end at 0x0A only.
 *
 * @param options.longestLine bytes; a longer line is refused. Default: the longest string that V8 makes, 512 MiB
 * @throws NestbitError `JSONL_INVALID` with the line number, `FILE_NOT_FOUND`, `ABORTED`
 */
export async function* readJsonl(
  path: string,
  signal?: AbortSignal,
  options: { readonly longestLine?: number } = {},
): AsyncGenerator<JsonLine> {
  const handle = await openFile(path);
  let source: ReadStream | Gunzip | undefined;
  try {
    const magic = new Uint8Array(2);
    await readFully(handle, magic, 0);
    const file: ReadStream = handle.createReadStream({ start: 0, autoClose: false });
    // Errors of the file or of gunzip reach the loop below.
    source = magic[0] === 0x1f && magic[1] === 0x8b ? pipeline(file, createGunzip(), () => {}) : file;
    let line = 0;
    try {
      const refused = (at: number, what: string): Error => badLine(path, at, what);
      for await (const { text, ...at } of readLines(source, refused, options.longestLine ?? LONGEST_LINE)) {
        throwIfAborted(signal);
        line = at.line;
        if (text.trim() !== '') yield { line, value: parseLine(text, path, line) };
      }
    } catch (cause) {
      if (cause !== source.errored) throw cause;
      throw new NestbitError(
        'JSONL_INVALID',
        (cause as Error).message === 'incorrect header check'
          ? `${path} has other bytes behind its gzip data (read to line ${line} before them); compress all of the file, or none of it.`
          : `${path} breaks off after line ${line}: ${(cause as Error).message}.`,
        {
          cause,
        },
      );
    }
  } finally {
    // A consumer that stops early leaves the streams in the middle: what they say of that is no news.
    source?.on('error', () => {}).destroy();
    await handle.close();
  }
}

function parseLine(text: string, path: string, line: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badLine(path, line, `it is not JSON (${(cause as Error).message})`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badLine(path, line, 'it is not a JSON object');
  }
  return value as Record<string, unknown>;
}

export function badLine(path: string, line: number, what: string, cause?: unknown): NestbitError {
  return new NestbitError('JSONL_INVALID', `${path}, line ${line}: ${what}.`, { cause });
}
