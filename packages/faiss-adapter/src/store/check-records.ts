import { statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { call } from '../addon/call.ts';
import { addon } from '../addon/native.ts';
import { readCheckedJson } from './checked-json.ts';
import { checkTrees } from './lmdb/check-trees.ts';
import { byBytes, LmdbFile } from './lmdb/lmdb-file.ts';
import { damaged } from './lmdb/page.ts';
import { keyInRow, unseal } from './record-format.ts';
import { type Committed, committedOf, NO_SUMS, STATE, type Sums, unsealedRow } from './records-db.ts';
import { type RecordsSeal, sealPath } from './records-seal.ts';

/** Row numbers of the addon have 28 bits. */
const MAX_ROWS = 2 ** 28;

const dataPath = (folder: string): string => join(folder, 'records/data.mdb');

/**
 * LMDB trusts its file, and a damaged one could lead it anywhere: so it is checked before LMDB maps it, while no
 * writer is at it. A sealed one by its checksum; one that a killed writer left page by page and record by record.
 *
 * @returns what the records hold when they were walked through
 * @throws NestbitError `STORE_DAMAGED`
 */
export async function checkRecords(folder: string): Promise<Committed | undefined> {
  const seal = await readCheckedJson<RecordsSeal>(sealPath(folder));
  if (seal === undefined) return await walkRecords(folder);
  const path = dataPath(folder);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? -1;
  const sum = size === seal.bytes ? await call(() => addon().checksumFile(path, size)) : undefined;
  if (sum === seal.crc32c) return undefined;
  throw damaged(path, `it does not match its checksum (${size} bytes, expected ${seal.bytes})`);
}

/** Checks all pages and records of a file that no one writes to. @throws NestbitError `STORE_DAMAGED` */
export async function walkRecords(folder: string): Promise<Committed> {
  const file = new LmdbFile(dataPath(folder));
  try {
    const meta = file.meta();
    const state = file.find(meta, meta.main, byBytes, STATE);
    const committed = committedOf(state && file.value(meta, state));
    const content = new Content(file.path, committed);
    await checkTrees(
      file,
      meta,
      new Map([
        ['rows', (key: Buffer, value: Buffer) => content.row(key.readUInt32LE(0), value)],
        ['deaths', (key: Buffer, value: Buffer) => content.death(key.readUInt32LE(0), value)],
        ['ids', (key: Buffer, value: Buffer) => content.id(Buffer.from(key), unsealedRow(value))],
      ]),
    );
    return content.end(committed);
  } finally {
    file.close();
  }
}

/** What the tables hold, held against each other and against the commit. */
class Content {
  readonly #path: string;
  /** CRC-32 of the key of each row. */
  readonly #keys: Uint32Array;
  readonly #dead: Uint8Array;
  /** CRC-32 of the key of each id, and its row. */
  readonly #ids: Uint32Array;
  #idCount = 0;
  #rows = 0;
  #deaths = 0;
  #gone = 0;
  #sums: Sums = NO_SUMS;

  constructor(path: string, { rows, live }: Committed) {
    this.#path = path;
    if (rows > MAX_ROWS || live > rows) throw damaged(path, `it claims ${rows} rows, ${live} live`);
    this.#keys = new Uint32Array(rows);
    this.#dead = new Uint8Array(rows);
    this.#ids = new Uint32Array(2 * live);
  }

  row(row: number, sealed: Buffer): void {
    if (row !== this.#rows || row >= this.#keys.length)
      throw damaged(this.#path, `row ${row} comes after ${this.#rows} rows`);
    this.#keys[row] = crc32(keyInRow(unseal(row, sealed)));
    this.#sums = { ...this.#sums, rows: crc32(sealed, this.#sums.rows) };
    this.#rows++;
  }

  death(death: number, sealed: Buffer): void {
    if (death !== this.#deaths) throw damaged(this.#path, `death ${death} comes after ${this.#deaths}`);
    const rows = unseal(death, sealed);
    for (let at = 0; at + 4 <= rows.length; at += 4) {
      const row = rows.readUInt32LE(at);
      if (row >= this.#dead.length || this.#dead[row] === 1)
        throw damaged(this.#path, `row ${row} died twice`);
      this.#dead[row] = 1;
      this.#gone++;
    }
    this.#sums = { ...this.#sums, deaths: crc32(sealed, this.#sums.deaths) };
    this.#deaths++;
  }

  // Tables come in the order of their names, ids before rows: they are compared at the end.
  id(key: Buffer, row: number): void {
    if (2 * this.#idCount >= this.#ids.length) throw damaged(this.#path, 'it has more ids than rows');
    this.#ids[2 * this.#idCount] = crc32(key);
    this.#ids[2 * this.#idCount + 1] = row;
    this.#idCount++;
  }

  end(committed: Committed): Committed {
    const { rows, live, deaths, sums } = committed;
    if (
      this.#rows !== rows ||
      this.#deaths !== deaths ||
      rows - this.#gone !== live ||
      this.#idCount !== live
    )
      throw damaged(
        this.#path,
        `its commit counts ${rows} rows, ${live} live, and it has ${this.#rows} and ${this.#idCount}`,
      );
    for (let i = 0; i < this.#ids.length; i += 2) {
      const [key, row] = this.#ids.subarray(i, i + 2);
      if (row >= rows || this.#dead[row] === 1 || this.#keys[row] !== key)
        throw damaged(this.#path, `an id leads to row ${row}, which is another's`);
      // No row has two ids.
      this.#dead[row] = 1;
    }
    if (sums !== undefined && (sums.rows !== this.#sums.rows || sums.deaths !== this.#sums.deaths))
      throw damaged(this.#path, 'its records do not match their checksum');
    return { ...committed, sums: { ...this.#sums, commit: sums?.commit ?? 0, checks: sums?.checks ?? 0 } };
  }
}
