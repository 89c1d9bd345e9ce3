import { ok } from 'node:assert/strict';
import { NestbitError, type NestbitErrorCode } from '../errors.ts';

/** Fails unless the promise is refused with a NestbitError of the code. */
export async function refused(promise: Promise<unknown>, code: NestbitErrorCode): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  ok(error instanceof NestbitError, `expected ${code}, got ${String(error)}`);
  ok(error.code === code, `expected ${code}, got ${error.code}: ${error.message}`);
}
