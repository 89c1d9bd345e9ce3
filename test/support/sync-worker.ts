// Works on the store argv[3] of the database argv[2] until it is killed.
import { SyncWorker } from '@nestbit/pg-adapter';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.argv[2] });
pool.on('error', () => {});
const worker = await SyncWorker.open(pool, {
  store: process.argv[3],
  batch: 50,
  leaseSeconds: 1,
  pollMs: 100,
  pauseSeconds: 0.01,
  onError: () => {},
});
worker.start();
process.send?.('ready');
