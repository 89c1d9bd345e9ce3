import { closeSync, constants, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { NestbitError, writeFileAtomic } from '@nestbit/core';
import { named } from './failures.ts';
import { checkRegularFiles } from './regular-files.ts';

/**
 * The folder of a store. `CURRENT` names the generation, a folder with all the data; a compaction makes the next
 * one and then changes the name. `LOCK` is held by the writer.
 *
 *     CURRENT          "1 3f0c…": the generation's number and id
 *     LOCK
 *     1/settings.json  the kind of index and its parameters, the generation's id, the codec's fingerprint
 *     1/codec.json     the codec
 *     1/bits.u8        rows × dimensions / 8, append-only
 *     1/scalars.u8     rows × 2, append-only
 *     1/copies.u8      rows × the copy and its CRC-32C, append-only
 *     1/checks.u32     rows: CRC-32C of the bits and scalars
 *     1/records/       LMDB: ids, payloads, deaths, the committed number of rows
 *     1/records.json   size and checksum of records/data.mdb, while no writer has the store open
 *     1/commits        the last commits once more: numbers of rows, checks over records and checks.u32
 *     1/index.faiss    snapshot of the faiss index, which can always be rebuilt
 *     1/index.json     what it covers, and its checksum
 *
 * Stores from before codec version 3 have `int8.i8` in place of scalars and copies; `code-layout.ts` knows both.
 * Older ones have no ids and no `commits` until a writer opens them.
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

  /** The current generation; its id, where CURRENT says one. @throws NestbitError `STORE_NOT_FOUND`, `STORE_DAMAGED` */
  current(): { readonly number: number; readonly id: string | undefined } {
    if (!this.exists) {
      throw new NestbitError(
        'STORE_NOT_FOUND',
        `There is no store in ${this.path}; make one with FaissStore.create.`,
      );
    }
    checkRegularFiles(this.path);
    let text: string;
    try {
      text = readFileSync(join(this.path, 'CURRENT'), 'utf8').trim();
    } catch (error) {
      throw named(this.path, error);
    }
    const [, number, id] = /^([1-9]\d{0,8})(?: ([0-9a-f]{16}))?$/.exec(text) ?? [];
    if (number !== undefined && existsSync(join(this.path, number, 'settings.json')))
      return { number: Number(number), id };
    throw new NestbitError(
      'STORE_DAMAGED',
      `${join(this.path, 'CURRENT')} names ${JSON.stringify(text.slice(0, 40))}, and no such generation is there. ` +
        'If the folder holds just one numbered folder, write its number into CURRENT; else restore a copy.',
    );
  }

  /** What CURRENT holds: changes with the generation. Cheap enough for every call; empty when it cannot be read. */
  stamp(): string {
    let file: number | undefined;
    try {
      file = openSync(join(this.path, 'CURRENT'), constants.O_RDONLY | constants.O_NONBLOCK);
      const bytes = Buffer.allocUnsafe(64);
      return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0));
    } catch {
      return '';
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  async setCurrent(number: number, id: string): Promise<void> {
    await writeFileAtomic(join(this.path, 'CURRENT'), `${number} ${id}\n`);
  }

  /** The first number from one on of which there is no folder. */
  freeNumber(from: number): number {
    let number = from;
    while (existsSync(this.generation(number))) number++;
    return number;
  }
}
