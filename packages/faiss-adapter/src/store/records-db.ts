import { type Database, open, type RootDatabase } from 'lmdb';
import { seal, unseal } from './record-format.ts';

/** Checks over everything that was committed, carried on from commit to commit (CRC-32). */
export interface Sums {
  /** Number of the commit, from 0 for an empty store. */
  readonly commit: number;
  /** Over the records in the order of their rows. */
  readonly rows: number;
  /** Over the lists of dead rows in their order. */
  readonly deaths: number;
  /** Over the bytes of `checks.u32`, which check the codes. */
  readonly checks: number;
}

export const NO_SUMS: Sums = { commit: 0, rows: 0, deaths: 0, checks: 0 };

/** What the last commit left: everything beyond it does not exist. */
export interface Committed {
  /** Rows in the code files, dead ones too. */
  readonly rows: number;
  /** Rows that are not dead. */
  readonly live: number;
  /** Commits that made rows dead, so that readers need only the newest. */
  readonly deaths: number;
  /** Every field that a payload ever had. */
  readonly fields: readonly string[];
  /** Absent in stores that were made before there were checks of the commits, until a writer opens them. */
  readonly sums?: Sums;
}

export const EMPTY: Committed = { rows: 0, live: 0, deaths: 0, fields: [] };

/** The tables of the transactional part of a store (LMDB): ids, rows, deaths and the commit itself. */
export interface RecordsDb {
  readonly root: RootDatabase<Buffer, Buffer>;
  /** key of an id → row */
  readonly ids: Database<Buffer, Buffer>;
  /** row → record */
  readonly rows: Database<Buffer, number>;
  /** number of the death → rows, uint32 little-endian */
  readonly deaths: Database<Buffer, number>;
}

export function openDb(path: string): RecordsDb {
  const root: RootDatabase<Buffer, Buffer> = open({
    path,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxDbs: 4,
    // A commit returns when it is on disk, not when it will be.
    overlappingSync: false,
  });
  return {
    root,
    ids: root.openDB({ name: 'ids', encoding: 'binary', keyEncoding: 'binary' }),
    rows: root.openDB({ name: 'rows', encoding: 'binary', keyEncoding: 'uint32' }),
    deaths: root.openDB({ name: 'deaths', encoding: 'binary', keyEncoding: 'uint32' }),
  };
}

/** Makes an empty one: a store without a file of records is damaged, never empty. */
export async function makeDb(path: string): Promise<void> {
  const db = openDb(path);
  try {
    db.root.transactionSync(() => writeCommitted(db, { ...EMPTY, sums: NO_SUMS }));
  } finally {
    await db.root.close();
  }
}

export const STATE: Buffer = Buffer.from('state');

export function readCommitted(db: RecordsDb): Committed {
  return committedOf(db.root.get(STATE));
}

/** What a sealed state says; without one nothing was ever committed. @throws NestbitError `STORE_DAMAGED` */
export function committedOf(sealed: Buffer | undefined): Committed {
  return sealed === undefined ? EMPTY : (JSON.parse(unseal('state', sealed).toString()) as Committed);
}

/** Within a transaction. */
export function writeCommitted(db: RecordsDb, state: Committed): void {
  db.root.putSync(STATE, seal('state', Buffer.from(JSON.stringify(state))));
}

export function sealedRow(row: number): Buffer {
  const value = Buffer.allocUnsafe(4);
  value.writeUInt32LE(row);
  return seal('id', value);
}

export function unsealedRow(sealed: Buffer): number {
  return unseal('id', sealed).readUInt32LE(0);
}
