import { NestbitError } from '../../errors.ts';

/** The error for a model folder that cannot be used. */
export function invalid(what: string, cause?: unknown): NestbitError {
  return new NestbitError('MODEL_INVALID', `This model folder cannot be used: ${what}.`, { cause });
}
