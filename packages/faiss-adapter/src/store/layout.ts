import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NestbitError, writeFileAtomic } from '@nestbit/core';

/**
 * The folder of a store. `CURRENT` names the generation, a folder with all the data; a compaction makes the next
 * one and then changes the name. `LOCK` is held by the writer.
 *
 *     CURRENT          "1"
 *     LOCK
 *     1/codec.json     the codec
 *     1/settings.json  the kind of index and its parameters
 *     1/bits.u8        rows × dimensions / 8, append-only
 *     1/scalars.u8     rows × 2, append-only
 *     1/copies.u8      rows × the copy and its CRC-32C, append-only
 *     1/checks.u32     rows: CRC-32C of the bits and scalars
 *     1/records/       LMDB: ids, payloads, deaths, the committed number of rows
 *     1/records.json   size and checksum of records/data.mdb, while no writer has the store open
 *     1/index.faiss    snapshot of the faiss index, which can always be rebuilt
 *     1/index.json     what it covers, and its checksum
 *
 * Stores from before codec version 3 have `int8.i8` in place of scalars and copies; `code-layout.ts` knows both.
 */
export class Layout {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get lock(): string {
    return join(this.path, 'LOCK');
  }

  generation(number: number): string {
    return join(this.path, String(number));
  }

  /** Whether there is a store. */
  get exists(): boolean {
    return existsSync(join(this.path, 'CURRENT'));
  }

  /** @throws NestbitError `STORE_NOT_FOUND`, `STORE_DAMAGED` */
  current(): number {
    if (!this.exists) {
      throw new NestbitError(
        'STORE_NOT_FOUND',
        `There is no store in ${this.path}; make one with FaissStore.create.`,
      );
    }
    const text = readFileSync(join(this.path, 'CURRENT'), 'utf8').trim();
    const number = Number(text);
    if (/^[1-9]\d{0,8}$/.test(text) && existsSync(join(this.generation(number), 'settings.json')))
      return number;
    throw new NestbitError(
      'STORE_DAMAGED',
      `${join(this.path, 'CURRENT')} names ${JSON.stringify(text)}, and no such generation is there. ` +
        'If the folder holds just one numbered folder, write its number into CURRENT; else restore a copy.',
    );
  }

  /** Changes when another generation becomes the current one; cheap enough for every call. */
  stamp(): number {
    return statSync(join(this.path, 'CURRENT'), { throwIfNoEntry: false })?.ino ?? 0;
  }

  async setCurrent(number: number): Promise<void> {
    await writeFileAtomic(join(this.path, 'CURRENT'), `${number}\n`);
  }

  /** Removes what a killed compaction or creation left behind. For the writer. */
  async sweep(): Promise<void> {
    const kept = this.exists ? (await readFile(join(this.path, 'CURRENT'), 'utf8')).trim() : '';
    for (const name of await readdir(this.path)) {
      const stale = (/^\d+$/.test(name) && name !== kept) || name.includes('.partial-');
      if (stale) await rm(join(this.path, name), { recursive: true, force: true });
    }
  }
}
