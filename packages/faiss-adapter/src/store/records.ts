import { accessSync, constants, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { NestbitError } from '@nestbit/core';
import { addon } from '../addon/native.ts';
import { byBytes, byUint32, LmdbFile } from './lmdb/lmdb-file.ts';
import { damaged, type Meta, type Tree } from './lmdb/page.ts';
import { type Committed, committedOf, openDb, type RecordsDb, readCommitted, STATE } from './records-db.ts';

/** The records of a generation, open for reading. */
export interface Records {
  /** What the last commit left, of this or another process. Reads that follow in the same turn see the same. */
  committed(): Committed;
  /** The sealed record of a row. */
  row(row: number): Buffer | undefined;
  /** The sealed row of an id's key. */
  id(key: Buffer): Buffer | undefined;
  /** The sealed list of the rows of a death. */
  death(death: number): Buffer | undefined;
  /** Lets pages that were read leave the memory. */
  drop(): void;
  close(): Promise<void>;
}

/**
 * Opens them: by LMDB, or, where this process may not write to the folder or LMDB would have to make a file in it, by
 * `LmdbFile`, which takes no lock and makes none.
 *
 * @throws NestbitError `STORE_DAMAGED`, `STORE_FAILED`
 */
export function openRecords(folder: string, write: boolean): Records {
  const path = join(folder, 'records');
  if (!write && !lockable(path)) return new UnlockedRecords(new LmdbFile(join(path, 'data.mdb')));
  let db: RecordsDb;
  try {
    db = openDb(path);
  } catch (cause) {
    throw new NestbitError('STORE_FAILED', `${path} cannot be opened: ${(cause as Error).message}.`, {
      cause,
    });
  }
  return new LmdbRecords(db, realpathSync(join(path, 'data.mdb')));
}

function lockable(path: string): boolean {
  try {
    for (const name of ['lock.mdb', 'data.mdb'])
      accessSync(join(path, name), constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

class LmdbRecords implements Records {
  readonly #db: RecordsDb;
  readonly #path: string;

  constructor(db: RecordsDb, path: string) {
    this.#db = db;
    this.#path = path;
  }

  committed(): Committed {
    this.#db.root.resetReadTxn();
    return readCommitted(this.#db);
  }

  row(row: number): Buffer | undefined {
    return this.#db.rows.get(row);
  }

  id(key: Buffer): Buffer | undefined {
    return this.#db.ids.get(key);
  }

  death(death: number): Buffer | undefined {
    return this.#db.deaths.get(death);
  }

  drop(): void {
    addon().dropPages(this.#path);
  }

  async close(): Promise<void> {
    await this.#db.root.close();
  }
}

/** How often a snapshot is taken anew while a writer overtakes the reading. */
const TRIES = 100;

/**
 * Reads a snapshot without telling the writer. LMDB uses the pages of a snapshot again three commits later at the
 * earliest (`mdb_find_oldest`), so what was read stands when no more than one commit came meanwhile; else it is read
 * again from the newest one.
 */
class UnlockedRecords implements Records {
  readonly #file: LmdbFile;
  #meta: Meta;
  readonly #tables = new Map<string, Tree | undefined>();

  constructor(file: LmdbFile) {
    this.#file = file;
    try {
      this.#meta = file.meta();
    } catch (error) {
      file.close();
      throw error;
    }
  }

  committed(): Committed {
    this.#renew();
    return this.#read(() => committedOf(this.#value(this.#meta.main, STATE)));
  }

  row(row: number): Buffer | undefined {
    return this.#read(() => this.#in('rows', uint32(row)));
  }

  id(key: Buffer): Buffer | undefined {
    return this.#read(() => this.#in('ids', key));
  }

  death(death: number): Buffer | undefined {
    return this.#read(() => this.#in('deaths', uint32(death)));
  }

  drop(): void {
    // Nothing is mapped.
  }

  async close(): Promise<void> {
    this.#file.close();
  }

  #read<T>(run: () => T): T {
    for (let tries = 0; ; tries++) {
      let failure: unknown;
      let result: T | undefined;
      try {
        result = run();
      } catch (error) {
        failure = error;
      }
      if (this.#file.meta().txn <= this.#meta.txn + 1) {
        if (failure !== undefined) throw failure;
        return result as T;
      }
      if (tries === TRIES) throw damaged(this.#file.path, 'a writer overtakes every reading of it');
      this.#renew();
    }
  }

  #renew(): void {
    this.#meta = this.#file.meta();
    this.#tables.clear();
  }

  #in(name: string, key: Buffer): Buffer | undefined {
    if (!this.#tables.has(name)) this.#tables.set(name, this.#file.table(this.#meta, name));
    const tree = this.#tables.get(name);
    return tree && this.#value(tree, key);
  }

  #value(tree: Tree, key: Buffer): Buffer | undefined {
    const compare = tree.flags === 0 ? byBytes : byUint32;
    const node = this.#file.find(this.#meta, tree, compare, key);
    return node && this.#file.value(this.#meta, node);
  }
}

function uint32(value: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32LE(value);
  return key;
}
