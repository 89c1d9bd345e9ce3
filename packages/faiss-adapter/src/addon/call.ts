import { NestbitError, type NestbitErrorCode, throwIfAborted } from '@nestbit/core';
import { addon } from './native.ts';

let lastToken = 0;

/**
 * Runs one call of the addon: its failures become `NestbitError`s, and the signal stops it.
 *
 * @param start given the token that the call is to carry
 */
export async function call<T>(
  start: (token: number) => Promise<T>,
  signal?: AbortSignal | undefined,
): Promise<T> {
  throwIfAborted(signal);
  const token = (lastToken % 0xffff_ffff) + 1;
  lastToken = token;
  const stop = (): void => addon().cancel(token);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await start(token);
  } catch (cause) {
    throwIfAborted(signal);
    throw translated(cause);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** Runs a call of the addon that answers at once: its failures become `NestbitError`s. */
export function callNow<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw translated(cause);
  }
}

/** A failure of the addon, which names its code, as a NestbitError; anything else as it is. */
export function translated(cause: unknown): unknown {
  const { code, message } = cause as { code?: unknown; message: string };
  if (cause instanceof NestbitError || cause instanceof TypeError || cause instanceof RangeError)
    return cause;
  if (typeof code !== 'string') return cause;
  return new NestbitError(code as NestbitErrorCode, message, { cause });
}
