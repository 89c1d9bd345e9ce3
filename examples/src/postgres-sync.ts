// Codes that follow a table of texts, here in PGlite in this process; give any pool of `pg` instead.
import { followTexts, PgStore, SyncWorker } from '@nestbit/pg-adapter';
import { openPglite } from '@nestbit/pg-adapter/pglite';

await using database = await openPglite();
const { pool } = database;
await pool.query('create table articles (id integer primary key, body text)');
await pool.query(`insert into articles select i, 'article number ' || i from generate_series(1, 500) i`);

// Stands for an Encoder of @nestbit/core/onnx, or a service: letters, counted by their place in the text.
const encoder = {
  dimensions: 64,
  identity: 'letters@1',
  encode: async (texts: readonly string[]): Promise<Float32Array> => {
    const embeddings = new Float32Array(texts.length * 64);
    for (const [row, text] of texts.entries())
      for (let i = 0; i < text.length; i++)
        embeddings[row * 64 + ((text.charCodeAt(i) * 7 + i * 13) % 64)] += 1 + i / 8;
    return embeddings;
  },
};

// Once: the store, its codec, the trigger. Then any number of workers, for ever: `worker.start()`.
const store = await followTexts(pool, { table: 'articles', column: 'body', columns: ['body'], encoder });
await using worker = await SyncWorker.open(pool, { store, encoder });
console.log('encoded', (await worker.drain()).written);

await pool.query(`update articles set body = 'something else' where id = 7`);
await pool.query('delete from articles where id > 490');
const { written, removed } = await worker.drain();
console.log('after the changes', { written, removed });

const articles = await PgStore.open(pool, { name: store });
const [hits] = await articles.search(await encoder.encode(['something else']), { k: 1, payloads: true });
console.log(hits[0].id, JSON.stringify(hits[0].payload));
