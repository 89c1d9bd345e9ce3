export { NestbitError, type NestbitErrorCode, throwIfAborted } from './errors.ts';
