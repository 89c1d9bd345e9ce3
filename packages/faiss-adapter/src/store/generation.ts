import { realpathSync, statSync } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Codec, formatCodec, type Id, NestbitError, parseCodec, writeFileAtomic } from '@nestbit/core';
import { call, translated } from '../addon/call.ts';
import { addon, type NativeCodeFiles } from '../addon/native.ts';
import { readCheckedJson, writeCheckedJson } from './checked-json.ts';
import { CODES_VERSION, type CodeFile, checkCodesVersion, codeFiles, nativeLayout } from './code-layout.ts';
import { CodeWriter } from './code-writer.ts';
import { decodeRow, keyOf, type Row, unseal } from './record-format.ts';
import { type Committed, openDb, type RecordsDb, readCommitted, unsealedRow } from './records-db.ts';
import { checkSeal } from './records-seal.ts';
import type { StoreIndex, Tuning } from './settings.ts';

/** Records whose pages may stay in memory: 64 KiB each at worst. */
const RECORDS_KEPT = 64;

/** The data of a store, open for reading: codes by the addon, records by LMDB. */
export class Generation {
  readonly folder: string;
  readonly codec: Codec;
  readonly index: StoreIndex;
  /** The files of codes, as a writer sees them. */
  readonly codeFiles: readonly CodeFile[];
  readonly files: NativeCodeFiles;
  readonly #db: RecordsDb;
  readonly #records: string;
  #recordsRead = 0;
  #users = 0;
  #retired = false;

  private constructor(
    folder: string,
    codec: Codec,
    index: StoreIndex,
    codes: readonly CodeFile[],
    files: NativeCodeFiles,
    db: RecordsDb,
  ) {
    this.folder = folder;
    this.codec = codec;
    this.index = index;
    this.codeFiles = codes;
    this.files = files;
    this.#db = db;
    this.#records = realpathSync(join(folder, 'records/data.mdb'));
  }

  /** Makes the folder of an empty one. */
  static async create(folder: string, codec: Codec, index: StoreIndex): Promise<void> {
    await mkdir(join(folder, 'records'), { recursive: true });
    await CodeWriter.create(folder, codeFiles(CODES_VERSION, codec.layout));
    await writeFileAtomic(join(folder, 'codec.json'), formatCodec(codec));
    await writeCheckedJson(join(folder, 'settings.json'), { version: CODES_VERSION, index });
  }

  /**
   * @param alone whether no writer has it open, so that the seal must fit
   * @throws NestbitError `STORE_DAMAGED`, `CODEC_CORRUPT`, `UNSUPPORTED` for a store of a newer nestbit
   */
  static async open(folder: string, tuning: Tuning, alone: boolean): Promise<Generation> {
    const settings = await readCheckedJson<{ version: number; index: StoreIndex }>(
      join(folder, 'settings.json'),
    );
    if (settings === undefined) throw missing(join(folder, 'settings.json'));
    const codec = parseCodec(
      await readFile(join(folder, 'codec.json'), 'utf8').catch(() => {
        throw missing(join(folder, 'codec.json'));
      }),
    );
    const version = checkCodesVersion(settings.version, codec, folder);
    if (alone) await checkSeal(folder);
    if (!statSync(join(folder, 'records'), { throwIfNoEntry: false })?.isDirectory())
      throw missing(join(folder, 'records'));
    const db = openDb(join(folder, 'records'));
    try {
      const files = new (addon().CodeFiles)(folder, nativeLayout(version, codec), tuning.int8Memory);
      return new Generation(folder, codec, settings.index, codeFiles(version, codec.layout), files, db);
    } catch (error) {
      await db.root.close();
      throw translated(error);
    }
  }

  /** What the last commit left, of this or another process. Reads that follow in the same turn see the same. */
  committed(): Committed {
    this.#db.root.resetReadTxn();
    return readCommitted(this.#db);
  }

  /** Makes committed rows readable. @throws NestbitError `STORE_DAMAGED` */
  grow(rows: number): void {
    try {
      this.files.grow(rows);
    } catch (error) {
      throw translated(error);
    }
  }

  /** Checks codes against their checksums. @throws NestbitError `STORE_DAMAGED` */
  async verify(which: 'bits' | 'copies', rows: number, threads: number, signal?: AbortSignal): Promise<void> {
    await call((token) => this.files.verify(which, 0, rows, threads, token), signal);
  }

  row(row: number): Row {
    const sealed = this.#db.rows.get(row);
    if (sealed === undefined) {
      throw new NestbitError(
        'STORE_DAMAGED',
        `The record of row ${row} is missing in ${this.folder}. Restore the store from a copy.`,
      );
    }
    return decodeRow(row, sealed);
  }

  /**
   * Notes that so many records were read here and there. LMDB's pages come into memory 16 at a time and stay: after
   * many they are dropped, which costs a page fault at the next read of each.
   */
  readRecords(count: number): void {
    this.#recordsRead += count;
    if (this.#recordsRead < RECORDS_KEPT) return;
    this.#recordsRead = 0;
    addon().dropPages(this.#records);
  }

  /** The row of an id, dead or not yet visible ones too. */
  find(id: Id): number | undefined {
    const sealed = this.#db.ids.get(keyOf(id));
    return sealed === undefined ? undefined : unsealedRow(sealed);
  }

  /** Rows that died in deaths [from, to). */
  deaths(from: number, to: number): Uint32Array {
    const all: number[] = [];
    for (let death = from; death < to; death++) {
      const sealed = this.#db.deaths.get(death);
      const rows = unseal(death, sealed ?? Buffer.alloc(0));
      for (let at = 0; at < rows.length; at += 4) all.push(rows.readUInt32LE(at));
    }
    return Uint32Array.from(all);
  }

  /** Bytes on disk of a part. */
  async bytes(name: string): Promise<number> {
    return (await stat(join(this.folder, name)).catch(() => ({ size: 0 }))).size;
  }

  /** Runs a call that reads; a retired generation is closed after the last of them. */
  async use<T>(run: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await run();
    } finally {
      this.#users--;
      if (this.#retired && this.#users === 0) await this.#close();
    }
  }

  /** Closes it as soon as no call reads it any more. */
  async retire(): Promise<void> {
    this.#retired = true;
    if (this.#users === 0) await this.#close();
  }

  async #close(): Promise<void> {
    this.files.close();
    await this.#db.root.close();
  }
}

function missing(path: string): NestbitError {
  return new NestbitError('STORE_DAMAGED', `${path} is missing. Restore the store from a copy.`);
}
