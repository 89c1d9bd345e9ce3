import { NestbitError } from '@nestbit/core';

/** Runs every step, also after one that failed, so that nothing stays held; then throws the first failure. */
export async function runAll(steps: readonly (() => unknown)[]): Promise<void> {
  let failed = false;
  let first: unknown;
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      if (!failed) first = error;
      failed = true;
    }
  }
  if (failed) throw first;
}

/** A failure of the file system as a NestbitError; any other as it is. */
export function named(path: string, cause: unknown): unknown {
  if (cause instanceof NestbitError && cause.code !== 'FILE_WRITE') return cause;
  const error = cause as NodeJS.ErrnoException;
  const denied = /\b(EACCES|EPERM|EROFS)\b|Permission denied|Read-only file system/.test(error.message ?? '');
  if (denied) {
    return new NestbitError(
      'PERMISSION_DENIED',
      `This process may not write to ${path} (${error.message}). To search and read, open the store with readOnly: true.`,
      { cause },
    );
  }
  if (!(cause instanceof NestbitError) && typeof error.syscall !== 'string') return cause;
  return new NestbitError(
    'STORE_FAILED',
    `The store in ${path} cannot be worked with: ${error.message}. What was acknowledged before is safe.`,
    { cause },
  );
}
