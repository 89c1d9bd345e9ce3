// A table with float vectors gets binary codes and int8 copies beside it while it is in use, here in PGlite; give Shrink any pool of
// `pg` instead. On the command line: nestbit shrink plan|start|status|verify|cutover|rollback.
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore, Shrink } from '@nestbit/pg-adapter';
import { openPglite } from '@nestbit/pg-adapter/pglite';

await using database = await openPglite();
const { pool } = database;
const vectors = clusteredVectors(1000, 256);
await pool.query('create table articles (id integer primary key, title text, embedding vector(256))');
for (let i = 0; i < 1000; i++) {
  const vector = `[${vectors.subarray(i * 256, (i + 1) * 256).join(',')}]`;
  await pool.query('insert into articles values ($1, $2, $3)', [i + 1, `Article ${i + 1}`, vector]);
}

const shrink = new Shrink(pool, { table: 'articles', column: 'embedding' });
const { rows, bytes } = await shrink.plan(); // changes nothing
console.log(`${rows} rows: the table ${bytes.table} bytes, codes and index ${bytes.added.total}`);
const { phase, backfill } = await shrink.start(); // sidecar, trigger, backfill, index
console.log(`${phase}: ${backfill.encoded} rows encoded`);

// The application goes on as before; what it changes waits in a queue for `nestbit sync`, or the next start.
await pool.query('delete from articles where id = 7');
await shrink.start();
const { ok, parity, recall } = await shrink.verify();
console.log(
  `every code is right: ${ok} (${parity.right} rows), recall@10 ${recall?.codes.recall.toFixed(2)}`,
);

const { search } = await shrink.cutover(); // the bits to search for come from the store's codec
const store = await PgStore.open(pool, { name: 'articles' });
// The best 3 × k rows by codes, ordered by the floats of the table.
const [hits] = await store.search(vectors.subarray(41 * 256, 42 * 256), { k: 3, floats: 3 });
console.log(`${search}: ${hits[0].id} ${hits[0].score.toFixed(3)}`);
const { store: left } = await shrink.rollback(); // the table is as it was
console.log(`rolled back: the store is ${left}`);
