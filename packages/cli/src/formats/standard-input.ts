import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { NestbitError, throwIfAborted } from '@nestbit/core';

/** Standard input as a file, since sources are read more than once. */
export interface SpooledInput {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * Copies standard input to a temporary file, which is called `.jsonl`; its content may be of any kind that is read.
 *
 * @throws NestbitError `USAGE` when standard input is a terminal, `FILE_WRITE`, `ABORTED`
 */
export async function spoolInput(): Promise<SpooledInput> {
  if (process.stdin.isTTY)
    throw new NestbitError(
      'USAGE',
      'The source - is standard input, which is a terminal; pipe a file into it.',
    );
  // Ctrl-C ends the wait for more input, too.
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const folder = await mkdtemp(join(tmpdir(), 'nestbit-stdin-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const path = join(folder, 'standard-input.jsonl');
  try {
    await pipeline(process.stdin, createWriteStream(path), { signal: controller.signal });
  } catch (cause) {
    await remove();
    throwIfAborted(controller.signal);
    throw new NestbitError(
      'FILE_WRITE',
      `Standard input cannot be copied to ${path} (${(cause as Error).message}).`,
      {
        cause,
      },
    );
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
  return { path, remove };
}
