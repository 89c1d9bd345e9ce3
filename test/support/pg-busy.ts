// Writes batches into the store `docs` of the database argv[2] (a URL, or pglite:PATH): batch n holds the ids n * 20 … and the
// payload { n }, every third one writes over the batch before. Tells after each that it is done, until it is killed.
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import { openPglite } from '@nestbit/pg-adapter/pglite';
import pg from 'pg';

const [, , place, rows] = process.argv;
const pool = place.startsWith('pglite:')
  ? (await openPglite(place.slice('pglite:'.length))).pool
  : new pg.Pool({ connectionString: place });
pool.on('error', () => {});
const store = await PgStore.open(pool, { name: 'docs' });
process.send?.('ready');
for (let n = 0; ; n++) {
  const first = (n % 3 === 2 ? n - 1 : n) * Number(rows);
  const ids = Array.from({ length: Number(rows) }, (_, i) => BigInt(first + i));
  const embeddings = clusteredVectors(ids.length, store.codec.inputDimensions, 8, n + 1);
  await store.upsert({ ids, embeddings, payloads: ids.map(() => ({ n })) });
  process.send?.({ done: n });
}
