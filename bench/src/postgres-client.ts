// A thread of clients for bench:postgres: opens the store and answers each message, a number of searches for every
// client, when it has made them; ends with a message of none.
import { parentPort, workerData } from 'node:worker_threads';
import { PgStore, reusingSocket } from '@nestbit/pg-adapter';
import pg from 'pg';
import { searchByHand } from './postgres-by-hand.ts';

/** The statement by hand, or a store: of a pool as they are by default, or as docs/postgres.md has it. */
export type ClientKind = 'by hand' | 'plain pool' | 'reusing sockets';

const { url, queries, clients, kind } = workerData as {
  url: string;
  queries: Float32Array;
  clients: number;
  kind: ClientKind;
};
if (parentPort === null) throw new Error('this module runs as a worker thread');
const pool = new pg.Pool({
  connectionString: url,
  max: clients,
  ...(kind === 'reusing sockets' && { stream: reusingSocket }),
});
const store = await PgStore.open(pool, { name: 'bench' });
const width = store.codec.inputDimensions;
const count = queries.length / width;

async function search(from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const at = (i * 7919) % count;
    const query = queries.subarray(at * width, (at + 1) * width);
    if (kind === 'by hand') {
      const client = await pool.connect();
      await searchByHand(client, store.codec, query, 100, 10);
      client.release();
    } else {
      await store.search(query, { k: 10, oversample: 10, prefilter: 100 });
    }
  }
}

async function eachSearches(times: number): Promise<void> {
  await Promise.all(
    Array.from({ length: clients }, (_, client) => search(client * times, (client + 1) * times)),
  );
}

parentPort.on('message', async (times: number) => {
  await eachSearches(times);
  parentPort?.postMessage('done');
  if (times > 0) return;
  await pool.end();
  parentPort?.close();
});
