import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { NestbitError } from '@nestbit/core';

/**
 * Checks that a store's folders hold nothing that blocks its reader: a thread that opens a named pipe waits until
 * somebody writes to it. A folder that cannot be read is left to what reads it next.
 *
 * @throws NestbitError `STORE_DAMAGED`
 */
export function checkRegularFiles(...folders: string[]): void {
  for (const folder of folders) {
    const odd = entriesOf(folder).find(
      (entry) => entry.isFIFO() || entry.isSocket() || entry.isCharacterDevice() || entry.isBlockDevice(),
    );
    if (odd === undefined) continue;
    throw new NestbitError(
      'STORE_DAMAGED',
      `${join(folder, odd.name)} is ${odd.isFIFO() ? 'a named pipe' : 'a device or socket'}, not a file. ` +
        'Restore the store from a copy.',
    );
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
