// The thread that writes a store's records, so that no transaction or sync holds up the event loop. It answers
// each message { call, … } with { call, … } or { call, error }, and ends after `close`.
import { parentPort, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { CommitLog } from './commit-log.ts';
import type { Packed } from './packer.ts';
import { seal } from './record-format.ts';
import {
  type Committed,
  NO_SUMS,
  openDb,
  type RecordsDb,
  readCommitted,
  sealedRow,
  unsealedRow,
  writeCommitted,
} from './records-db.ts';
import type { Request, Response, RowsToWrite, WorkerSetup } from './records-writer.ts';

if (parentPort === null) throw new Error('this module runs as a worker thread');
const port = parentPort;
const { folder, fingerprint, id, sums } = workerData as WorkerSetup;
const db: RecordsDb = openDb(`${folder}/records`);
const log = new CommitLog(folder);
/** Why nothing can be committed any more. */
let broken: unknown;
let state: Committed = readCommitted(db);
if (state.sums === undefined) {
  state = { ...state, sums: sums ?? NO_SUMS };
  db.root.transactionSync(() => writeCommitted(db, state));
}
port.postMessage({ call: 0, state });

port.on('message', async (request: Request) => {
  const { call } = request;
  try {
    if (request.kind === 'close') {
      try {
        log.close();
      } finally {
        await db.root.close();
      }
      port.postMessage({ call, state });
      port.close();
      return;
    }
    const gone = request.kind === 'write' ? write(request) : remove(request.keys);
    port.postMessage({ call, state, gone } satisfies Response, [gone.buffer as ArrayBuffer]);
  } catch (error) {
    port.postMessage({ call, error: (error as Error).message });
  }
});

/** New rows; gives those that they replace. */
function write({ first, keys, records, fields, checks }: RowsToWrite): Uint32Array {
  if (keys.ends.length !== records.ends.length || first !== state.rows)
    throw new Error(`${keys.ends.length} ids came with ${records.ends.length} records after ${first} rows`);
  return commit((gone) => {
    let row = state.rows;
    for (const [i, key] of unpack(keys).entries()) {
      const before = db.ids.get(key);
      if (before !== undefined) gone.push(unsealedRow(before));
      db.ids.putSync(key, sealedRow(row));
      db.rows.putSync(row, Buffer.from(records.bytes.buffer, ...place(records, i)), { append: true });
      row++;
    }
    const live = state.live + row - state.rows - gone.length;
    const before = state.sums ?? NO_SUMS;
    const sums = { ...before, rows: crc32(records.bytes, before.rows), checks };
    return { ...state, rows: row, live, fields: fields ?? state.fields, sums };
  });
}

/** Rows that are to go; gives those that were there. */
function remove(keys: Packed): Uint32Array {
  return commit((gone) => {
    for (const key of unpack(keys)) {
      const before = db.ids.get(key);
      if (before === undefined) continue;
      gone.push(unsealedRow(before));
      db.ids.removeSync(key);
    }
    return { ...state, live: state.live - gone.length };
  });
}

function commit(run: (gone: number[]) => Committed): Uint32Array {
  if (broken !== undefined) throw broken;
  const gone: number[] = [];
  let after = state;
  db.root.transactionSync(() => {
    after = run(gone);
    let next = after.sums ?? NO_SUMS;
    if (gone.length > 0) {
      const list = seal(after.deaths, Buffer.from(Uint32Array.from(gone).buffer));
      db.deaths.putSync(after.deaths, list);
      after = { ...after, deaths: after.deaths + 1 };
      next = { ...next, deaths: crc32(list, next.deaths) };
    }
    next = { ...next, commit: next.commit + 1 };
    after = { ...after, sums: next };
    writeCommitted(db, after);
  });
  state = after;
  const { rows, live, deaths } = state;
  try {
    log.write({ rows, live, deaths, sums: state.sums ?? NO_SUMS, fingerprint, id });
  } catch (error) {
    // The caller is told of a failure, and takes the rows for not there.
    broken = error;
    throw error;
  }
  return Uint32Array.from(gone);
}

function place({ bytes, ends }: Packed, i: number): [number, number] {
  const start = i === 0 ? 0 : ends[i - 1];
  return [bytes.byteOffset + start, ends[i] - start];
}

function unpack(packed: Packed): Buffer[] {
  return Array.from(packed.ends, (_, i) => Buffer.from(packed.bytes.buffer, ...place(packed, i)));
}
