// The writers of bench:sync, in a thread of their own: each updates its own rows, at an even pace, in transactions of 100.
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';

const { url, rows, rate, seconds, clients, vectors } = workerData as {
  url: string;
  rows: number;
  /** Updates a second of all; 0: as many as go. */
  rate: number;
  seconds: number;
  clients: number;
  vectors: number;
};
const AT_ONCE = 100;
const pool = new pg.Pool({ connectionString: url, max: clients });
const count = new Uint32Array(rows);
const times: number[] = [];
let updates = 0;
const begun = performance.now();

async function write(client: number): Promise<void> {
  let state = client + 1;
  const each = (clients * AT_ONCE * 1000) / rate;
  for (let turn = 0; performance.now() - begun < seconds * 1000; turn++) {
    if (rate > 0) {
      const due = begun + (turn + client / clients) * each;
      if (due > performance.now())
        await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    }
    const ids = new Set<number>();
    while (ids.size < AT_ONCE) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      ids.add(Math.floor((state / 2 ** 32) * Math.floor(rows / clients)) * clients + client);
    }
    const sorted = [...ids].sort((a, b) => a - b);
    // The vector tells how often the row was updated.
    const numbers = sorted.map((id) => (id * 7 + ++count[id]) % vectors);
    const started = performance.now();
    await pool.query(
      `update items i set embedding = v.embedding from unnest($1::bigint[], $2::int[]) u(id, number)
       join vectors v on v.number = u.number where i.id = u.id`,
      [sorted, numbers],
    );
    times.push(performance.now() - started);
    updates += AT_ONCE;
  }
}

await Promise.all(Array.from({ length: clients }, (_, client) => write(client)));
const took = (performance.now() - begun) / 1000;
await pool.end();
parentPort?.postMessage({ updates, seconds: took, times, longest: Math.max(...count) });
