import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Codec, formatCodec, type Id, NestbitError, parseCodec, writeFileAtomic } from '@nestbit/core';
import { call, translated } from '../addon/call.ts';
import { addon, type NativeCodeFiles } from '../addon/native.ts';
import { checkRecords, walkRecords } from './check-records.ts';
import { readCheckedJson, writeCheckedJson } from './checked-json.ts';
import { CODES_VERSION, type CodeFile, checkCodesVersion, codeFiles, nativeLayout } from './code-layout.ts';
import { CodeWriter, sumOfChecks } from './code-writer.ts';
import { CommitLog, type CommitRecord } from './commit-log.ts';
import { named, runAll } from './failures.ts';
import { decodeRow, keyOf, type Row, unseal } from './record-format.ts';
import { openRecords, type Records } from './records.ts';
import { type Committed, EMPTY, makeDb, NO_SUMS, type Sums, unsealedRow } from './records-db.ts';
import { checkRegularFiles } from './regular-files.ts';
import type { StoreIndex, Tuning } from './settings.ts';

/** Records whose pages may stay in memory: 64 KiB each at worst. */
const RECORDS_KEPT = 64;

/** What `settings.json` says. */
interface GenerationSettings {
  readonly version: number;
  readonly index: StoreIndex;
  /** Of this generation and no other. Absent in stores from before commits were checked. */
  readonly id?: string;
  /** Of the codec beside it. */
  readonly fingerprint?: string;
}

/** How a generation is opened. */
export interface GenerationAccess {
  /** Whether this process is its writer. */
  readonly write: boolean;
  /** Whether no other process writes to it, so that it can be checked. */
  readonly alone: boolean;
  /** Its id, where CURRENT says one. */
  readonly id: string | undefined;
}

/** The data of a store, open for reading: codes by the addon, records by LMDB. */
export class Generation {
  readonly folder: string;
  #id: string | undefined;
  readonly codec: Codec;
  readonly index: StoreIndex;
  /** The files of codes, as a writer sees them. */
  readonly codeFiles: readonly CodeFile[];
  readonly files: NativeCodeFiles;
  readonly #records: Records;
  #recordsRead = 0;
  #users = 0;
  #retired = false;
  #closed = false;

  private constructor(
    folder: string,
    settings: GenerationSettings,
    codec: Codec,
    codes: readonly CodeFile[],
    files: NativeCodeFiles,
    records: Records,
  ) {
    this.folder = folder;
    this.#id = settings.id;
    this.codec = codec;
    this.index = settings.index;
    this.codeFiles = codes;
    this.files = files;
    this.#records = records;
  }

  /** Absent in stores from before commits were checked, until a writer opens them. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Makes the folder of an empty one, which must not be there; gives its id. */
  static async create(folder: string, codec: Codec, index: StoreIndex): Promise<string> {
    const id = randomBytes(8).toString('hex');
    const { fingerprint } = codec;
    const settings: GenerationSettings = { version: CODES_VERSION, index, id, fingerprint };
    try {
      await mkdir(folder);
      // First of all, so that what a killed creation leaves can be told from other people's files.
      await writeCheckedJson(join(folder, 'settings.json'), settings);
      await mkdir(join(folder, 'records'));
      await makeDb(join(folder, 'records'));
      await CodeWriter.create(folder, codeFiles(CODES_VERSION, codec.layout));
      await CommitLog.create(folder, { ...EMPTY, sums: NO_SUMS, fingerprint, id });
      await writeFileAtomic(join(folder, 'codec.json'), formatCodec(codec));
      return id;
    } catch (error) {
      throw named(folder, error);
    }
  }

  /** @throws NestbitError `STORE_DAMAGED`, `CODEC_CORRUPT`, `UNSUPPORTED` for a store of a newer nestbit */
  static async open(folder: string, tuning: Tuning, access: GenerationAccess): Promise<Generation> {
    checkRegularFiles(folder, join(folder, 'records'));
    const settings = await readCheckedJson<GenerationSettings>(join(folder, 'settings.json'));
    if (settings === undefined) throw missing(join(folder, 'settings.json'));
    const codec = parseCodec(
      await readFile(join(folder, 'codec.json'), 'utf8').catch(() => {
        throw missing(join(folder, 'codec.json'));
      }),
    );
    const version = checkCodesVersion(settings.version, codec, folder);
    checkBelonging(folder, settings, codec, access.id);
    const walked = access.alone ? await checkRecords(folder) : undefined;
    const last = settings.id === undefined ? undefined : CommitLog.read(folder);
    if (last !== undefined) checkBelonging(folder, last, codec, settings.id);
    const records = openRecords(folder, access.write);
    try {
      const state = records.committed();
      checkLast(folder, state, last, walked);
      const files = new (addon().CodeFiles)(folder, nativeLayout(version, codec), tuning.int8Memory);
      return new Generation(folder, settings, codec, codeFiles(version, codec.layout), files, records);
    } catch (cause) {
      await records.close();
      const error = translated(cause);
      // To who opens a store, a file that it lacks is damage.
      if (!(error instanceof NestbitError) || error.code !== 'FILE_NOT_FOUND') throw error;
      throw new NestbitError('STORE_DAMAGED', `${error.message} Restore the store from a copy.`, { cause });
    }
  }

  /**
   * The id under which commits are checked. A store from before they were, whose writer this is, gets one, and its
   * checks, for which all records are read.
   *
   * @throws NestbitError `STORE_DAMAGED`
   */
  async checkedCommits(): Promise<{ readonly id: string; readonly sums: Sums | undefined }> {
    const { fingerprint } = this.codec;
    const state = this.committed();
    if (this.id !== undefined && state.sums !== undefined) return { id: this.id, sums: undefined };
    const walked = await walkRecords(this.folder);
    const checks = await sumOfChecks(this.folder, this.codeFiles, state.rows);
    const sums = { ...(walked.sums ?? NO_SUMS), checks };
    const id = this.id ?? randomBytes(8).toString('hex');
    await CommitLog.create(this.folder, { ...state, sums, fingerprint, id });
    const path = join(this.folder, 'settings.json');
    await writeCheckedJson(path, { ...(await readCheckedJson(path)), id, fingerprint });
    this.#id = id;
    return { id, sums };
  }

  /** What the last commit left, of this or another process. Reads that follow in the same turn see the same. */
  committed(): Committed {
    return this.#records.committed();
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

  /** Checks the checks of the codes against the commit. @throws NestbitError `STORE_DAMAGED` */
  async verifyChecks({ rows, sums }: Committed): Promise<void> {
    if (sums === undefined || (await sumOfChecks(this.folder, this.codeFiles, rows)) === sums.checks) return;
    throw new NestbitError(
      'STORE_DAMAGED',
      `${join(this.folder, 'checks.u32')} does not match the checksum of its ${rows} rows. ` +
        'Restore the store from a copy.',
    );
  }

  row(row: number): Row {
    const sealed = this.#records.row(row);
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
    this.#records.drop();
  }

  /** The row of an id, dead or not yet visible ones too. */
  find(id: Id): number | undefined {
    const sealed = this.#records.id(keyOf(id));
    return sealed === undefined ? undefined : unsealedRow(sealed);
  }

  /** Rows that died in deaths [from, to). */
  deaths(from: number, to: number): Uint32Array {
    const all: number[] = [];
    for (let death = from; death < to; death++) {
      const sealed = this.#records.death(death);
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
    if (this.#closed) return;
    this.#closed = true;
    await runAll([() => this.files.close(), () => this.#records.close()]);
  }
}

// A codec or a log of commits of another store would give wrong scores.
function checkBelonging(
  folder: string,
  { fingerprint, id }: { readonly fingerprint?: string; readonly id?: string },
  codec: Codec,
  expected: string | undefined,
): void {
  if (fingerprint !== undefined && fingerprint !== codec.fingerprint) {
    throw new NestbitError(
      'STORE_DAMAGED',
      `${join(folder, 'codec.json')} is the codec ${codec.fingerprint}, the rows are of ${fingerprint}. ` +
        'Restore the store from a copy.',
    );
  }
  if (expected === undefined || id === expected) return;
  throw new NestbitError(
    'STORE_DAMAGED',
    `${folder} is of id ${id}, expected is ${expected}: its files are of two stores. Restore the store from a copy.`,
  );
}

// That the records are not from before the last acknowledged commit, and are those that were checked.
function checkLast(
  folder: string,
  state: Committed,
  last: CommitRecord | undefined,
  walked: Committed | undefined,
): void {
  const { sums = NO_SUMS, rows, live, deaths } = state;
  const same = (other: Pick<Committed, 'rows' | 'live' | 'deaths'>): boolean =>
    other.rows === rows && other.live === live && other.deaths === deaths;
  const { commit } = sums;
  const behind =
    last !== undefined && (commit < last.sums.commit || (commit === last.sums.commit && !same(last)));
  if (!behind && (walked === undefined || same(walked))) return;
  throw new NestbitError(
    'STORE_DAMAGED',
    `The records in ${folder} are of commit ${commit} with ${rows} rows; commit ${last?.sums.commit} with ` +
      `${last?.rows} was acknowledged. Restore the store from a copy.`,
  );
}

function missing(path: string): NestbitError {
  return new NestbitError('STORE_DAMAGED', `${path} is missing. Restore the store from a copy.`);
}
