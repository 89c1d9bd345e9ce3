import { NestbitError, type NestbitErrorCode } from '@nestbit/core';

/** What the system says, by the code that nestbit has for it. */
const SYSTEM: Readonly<Record<string, NestbitErrorCode>> = {
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'PERMISSION_DENIED',
  ENOENT: 'FILE_NOT_FOUND',
  EISDIR: 'FILE_NOT_FOUND',
  ENOTDIR: 'FILE_NOT_FOUND',
  EEXIST: 'FILE_WRITE',
  ENOSPC: 'FILE_WRITE',
  EDQUOT: 'FILE_WRITE',
  EFBIG: 'FILE_WRITE',
  EIO: 'FILE_WRITE',
  EMFILE: 'FILE_NOT_FOUND',
  ENAMETOOLONG: 'FILE_NOT_FOUND',
};

/** What the library calls things, in the words of the command line. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\b(FaissStore|PgStore)\.create\b/g, 'nestbit ingest'],
  [/\bPgStore\.attach\b/g, 'nestbit shrink'],
  [/\b(FaissStore|PgStore)\.open\b/g, 'nestbit stats'],
];

/** An error as the command line reports it: a failure of the system gets a code, not a stack. */
export function nameError(error: unknown): unknown {
  if (error instanceof NestbitError) {
    const message = WORDS.reduce((text, [from, to]) => text.replace(from, to), error.message);
    return message === error.message ? error : new NestbitError(error.code, message, { cause: error });
  }
  const { code, message, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const known = code === undefined || syscall === undefined ? undefined : SYSTEM[code];
  return known === undefined ? error : new NestbitError(known, `${message}.`, { cause: error });
}
