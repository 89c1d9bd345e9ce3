// The thread that writes a store's records, so that no transaction or sync holds up the event loop. It answers
// each message { call, … } with { call, … } or { call, error }, and ends after `close`.
import { parentPort, workerData } from 'node:worker_threads';
import type { Packed } from './packer.ts';
import { seal } from './record-format.ts';
import {
  type Committed,
  openDb,
  type RecordsDb,
  readCommitted,
  sealedRow,
  unsealedRow,
  writeCommitted,
} from './records-db.ts';
import type { Request, Response } from './records-writer.ts';

if (parentPort === null) throw new Error('this module runs as a worker thread');
const port = parentPort;
const db: RecordsDb = openDb(workerData as string);
let state: Committed = readCommitted(db);
port.postMessage({ call: 0, state });

port.on('message', async (request: Request) => {
  const { call } = request;
  try {
    if (request.kind === 'close') {
      await db.root.close();
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
function write({ keys, records, fields }: Extract<Request, { kind: 'write' }>): Uint32Array {
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
    return { ...state, rows: row, live, fields: fields ?? state.fields };
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
  const gone: number[] = [];
  let after = state;
  db.root.transactionSync(() => {
    after = run(gone);
    if (gone.length > 0) {
      db.deaths.putSync(after.deaths, seal(after.deaths, Buffer.from(Uint32Array.from(gone).buffer)));
      after = { ...after, deaths: after.deaths + 1 };
    }
    writeCommitted(db, after);
  });
  state = after;
  return Uint32Array.from(gone);
}

function place({ bytes, ends }: Packed, i: number): [number, number] {
  const start = i === 0 ? 0 : ends[i - 1];
  return [bytes.byteOffset + start, ends[i] - start];
}

function unpack(packed: Packed): Buffer[] {
  return Array.from(packed.ends, (_, i) => Buffer.from(packed.bytes.buffer, ...place(packed, i)));
}
