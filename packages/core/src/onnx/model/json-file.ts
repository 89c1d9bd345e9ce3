import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { invalid } from './invalid.ts';

/** Whether a path is a regular file; a pipe or a device would block whoever reads it. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Parses JSON text, with or without a byte order mark.
 *
 * @throws NestbitError `MODEL_INVALID` naming the file
 */
export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text);
  } catch (cause) {
    throw invalid(`${path} is not JSON (${(cause as Error).message})`, cause);
  }
}

/**
 * Reads a JSON file of a model folder; undefined where there is none.
 *
 * @throws NestbitError `MODEL_INVALID` naming the file
 */
export async function readJson(path: string): Promise<unknown> {
  if (!isFile(path)) return undefined;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw invalid(`${path} cannot be read (${(cause as Error).message})`, cause);
  }
  return parseJson(text, path);
}

/**
 * Reads a JSON file that holds one object; an empty object where there is no file.
 *
 * @throws NestbitError `MODEL_INVALID` naming the file
 */
export async function readJsonObject(path: string): Promise<Record<string, unknown>> {
  const value = (await readJson(path)) ?? {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(`${path} holds ${Array.isArray(value) ? 'a list' : typeof value}, not a JSON object`);
}
