// A store in Postgres, here PGlite in this process; give PgStore any pool of `pg` instead.
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import { openPglite } from '@nestbit/pg-adapter/pglite';

const embeddings = clusteredVectors(1000, 384);
const codec = (await calibrate([embeddings], { inputDimensions: 384 })).codec();

await using database = await openPglite();
const { pool } = database;
await pool.query('create table articles (id integer primary key, title text, year integer)');
await pool.query(
  `insert into articles select i, 'Article ' || i, 2000 + i % 25 from generate_series(1, 1000) i`,
);

// The table stays as it is; codes lie beside it.
const store = await PgStore.attach(pool, { table: 'articles', id: 'id', columns: ['title', 'year'], codec });
await store.upsert({ ids: Array.from({ length: 1000 }, (_, i) => BigInt(i + 1)), embeddings });
await store.buildIndex();

const query = embeddings.subarray(41 * 384, 42 * 384);
const [hits] = await store.search(query, { k: 3, filter: { year: { gte: 2010 } }, payloads: true });
for (const { id, score, payload } of hits) console.log(`${id}`, score.toFixed(3), JSON.stringify(payload));
const { plan, why } = await store.explain(query);
console.log(`${plan}: ${why}`);
