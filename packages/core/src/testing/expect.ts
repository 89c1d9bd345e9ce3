import { match, ok } from 'node:assert/strict';
import { NestbitError, type NestbitErrorCode } from '../errors.ts';

/** Fails unless the promise is refused with a NestbitError of the code, whose message says something. */
export async function refused(
  promise: Promise<unknown>,
  code: NestbitErrorCode,
  says: RegExp = /./,
): Promise<void> {
  const error = await errorOf(promise);
  ok(error instanceof NestbitError, `expected ${code}, got ${String(error)}`);
  ok(error.code === code, `expected ${code}, got ${error.code}: ${error.message}`);
  match(error.message, says);
}

/** Fails unless the promise is refused with a TypeError that names the option and has the code USAGE. */
export async function misused(promise: Promise<unknown>, option: string): Promise<void> {
  const error = await errorOf(promise);
  ok(error instanceof TypeError, `expected a TypeError about ${option}, got ${String(error)}`);
  ok('code' in error && error.code === 'USAGE', `expected the code USAGE with ${error.message}`);
  match(error.message, new RegExp(`\\b${option}\\b`));
}

function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
