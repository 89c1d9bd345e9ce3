// A thread of clients for bench:postgres: opens the store, says so, and on the first message searches, then ends.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { PgStore } from '@nestbit/pg-adapter';
import pg from 'pg';
import { searchByHand } from './postgres-by-hand.ts';

const { url, queries, searches, clients, byHand } = workerData as {
  url: string;
  queries: Float32Array;
  searches: number;
  clients: number;
  byHand: boolean;
};
if (parentPort === null) throw new Error('this module runs as a worker thread');
const pool = new pg.Pool({ connectionString: url, max: clients });
const store = await PgStore.open(pool, { name: 'bench' });
const width = store.codec.inputDimensions;
const count = queries.length / width;

async function search(from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const at = (i * 7919) % count;
    const query = queries.subarray(at * width, (at + 1) * width);
    if (byHand) {
      const client = await pool.connect();
      await searchByHand(client, store.codec, query, 100, 10);
      client.release();
    } else {
      await store.search(query, { k: 10, oversample: 10, prefilter: 100 });
    }
  }
}

await search(0, 50);
parentPort.postMessage('ready');
await once(parentPort, 'message');
const each = Math.ceil(searches / clients);
await Promise.all(Array.from({ length: clients }, (_, client) => search(client * each, (client + 1) * each)));
await pool.end();
parentPort.close();
