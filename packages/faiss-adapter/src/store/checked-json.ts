import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { NestbitError, writeFileAtomic } from '@nestbit/core';

/** Writes a small file atomically: JSON with the sha256 of its content. */
export async function writeCheckedJson(path: string, content: object): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify({ content, sha256: digest(content) })}\n`);
}

/**
 * Reads it back; undefined when there is no such file.
 *
 * @throws NestbitError `STORE_DAMAGED`
 */
export async function readCheckedJson<T extends object>(path: string): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { content, sha256 } = JSON.parse(text) as { content: T; sha256: string };
    if (digest(content) === sha256) return content;
  } catch {
    // Not even JSON: the same to say.
  }
  throw new NestbitError(
    'STORE_DAMAGED',
    `${path} does not match its checksum. Restore the store from a copy.`,
  );
}

function digest(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
