// A client of bench:shrink: inserts, updates, deletes and searches without pause, and tells on each message how long what it did
// since the last one took, in ms; ends on 'stop'.
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';

const {
  url,
  rows,
  client: number,
  vectors,
} = workerData as {
  url: string;
  rows: number;
  client: number;
  vectors: string[];
};
if (parentPort === null) throw new Error('this module runs as a worker thread');
const client = new pg.Client({ connectionString: url, application_name: 'bench client' });
await client.connect();
let state = number + 1;
const next = (below: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const fresh = (): string => vectors[next(vectors.length)];
let inserted = rows + number * 10_000_000;
const own: number[] = [];
const times: Record<string, number[]> = { insert: [], update: [], delete: [], search: [] };
let stopped = false;
parentPort.on('message', (what) => {
  if (what === 'stop') stopped = true;
  parentPort?.postMessage(structuredClone(times));
  for (const list of Object.values(times)) list.length = 0;
});
parentPort.postMessage('ready');

async function timed(what: string, text: string, values: unknown[]): Promise<void> {
  const begun = performance.now();
  await client.query(text, values);
  times[what].push(performance.now() - begun);
}

while (!stopped) {
  // Half of it searches; rows of others are updated, own ones and others' deleted.
  const choice = next(8);
  if (choice < 4) {
    await timed('search', 'select id from docs order by embedding <=> $1 limit 10', [fresh()]);
  } else if (choice < 6) {
    await timed('update', 'update docs set embedding = $2 where id = $1', [next(rows), fresh()]);
  } else if (choice === 6) {
    own.push(++inserted);
    await timed('insert', `insert into docs values ($1, 'new', $2)`, [inserted, fresh()]);
  } else {
    const id = next(2) === 0 ? own.pop() : next(rows);
    await timed('delete', 'delete from docs where id = $1', [id ?? next(rows)]);
  }
}
await client.end();
parentPort.close();
