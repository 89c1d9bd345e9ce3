import { type Codec, calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore, Shrink, SyncWorker } from '@nestbit/pg-adapter';
import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { everyPostgres } from '../support/postgres/databases.ts';

// Servers and roles are set up in many ways. Store, search, shrink and sync do their whole job, or refuse by name.

const WIDTH = 64;
const ROWS = 300;
const vectors = clusteredVectors(ROWS, WIDTH);
const ids = Array.from({ length: ROWS }, (_, i) => BigInt(i + 1));
let codec: Codec;

beforeAll(async () => {
  codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
});

const SETTINGS: readonly (readonly [string, readonly string[]])[] = [
  ['an empty search path', ["search_path=''"]],
  ['another time zone and dates', ["timezone='America/New_York'", "datestyle='SQL, DMY'"]],
  ['quote_all_identifiers', ['quote_all_identifiers=on']],
  ['serializable', ['default_transaction_isolation=serializable']],
  ['repeatable read', ["default_transaction_isolation='repeatable read'"]],
  ['bytea_output=escape', ['bytea_output=escape']],
  ['statement_timeout', ["statement_timeout='20s'"]],
];

async function wholeJob(pool: pg.Pool, vector: string | undefined): Promise<void> {
  const store = await PgStore.create(pool, { name: 'x', codec, idType: 'bigint' });
  await store.upsert({ ids, embeddings: vectors, payloads: ids.map((id) => ({ number: Number(id) })) });
  const query = vectors.subarray(0, WIDTH);
  const near = async (): Promise<unknown> =>
    (await store.search(query, { k: 3, payloads: true, filter: { number: { lt: 200 } } }))[0][0];
  expect(await near()).toMatchObject({ id: 1n, payload: { number: 1 } });
  if (vector !== undefined) {
    await store.buildIndex();
    expect((await store.search(query, { k: 1 }))[0][0].id).toBe(1n);
    expect((await store.explain(query)).usesIndex).toBe(true);
  }
  expect((await store.get([7n]))[0]?.payload).toEqual({ number: 7 });
  const type = vector === undefined ? 'real[]' : `${vector}.vector(${WIDTH})`;
  await pool.query(`create table public.docs (id bigint primary key, embedding ${type})`);
  for (let row = 0; row < ROWS; row++) {
    const values = [...vectors.subarray(row * WIDTH, (row + 1) * WIDTH)];
    const text = vector === undefined ? `{${values}}` : `[${values}]`;
    await pool.query('insert into public.docs values ($1, $2)', [row + 1, text]);
  }
  const shrink = new Shrink(pool, { table: 'docs', tableSchema: 'public', column: 'embedding' });
  await shrink.start();
  expect((await shrink.verify({ queries: 5 })).parity).toMatchObject({ rows: ROWS, right: ROWS });
  await pool.query('delete from public.docs where id <= 10');
  await pool.query(
    'update public.docs set embedding = (select embedding from public.docs where id = 20) where id = 11',
  );
  await using worker = await SyncWorker.open(pool, { store: 'docs' });
  expect(await worker.drain()).toMatchObject({ removed: 10, written: 1 });
  expect((await shrink.verify({ queries: 0 })).parity).toMatchObject({ rows: ROWS - 10, right: ROWS - 10 });
  await shrink.cutover();
}

for (const postgres of everyPostgres().filter(({ name }) => name !== 'PGlite')) {
  for (const [name, settings] of SETTINGS) {
    test(`${postgres.name}: ${name}: store, search, shrink and sync do their whole job`, async (context) => {
      context.skip(postgres.why !== undefined, postgres.why);
      const { pool, url, pgvector, close } = await postgres.open();
      const database = new URL(url as string).pathname.slice(1);
      if (pgvector)
        await pool.query('create schema extensions; alter extension vector set schema extensions');
      for (const setting of settings) await pool.query(`alter database "${database}" set ${setting}`);
      const own = new pg.Pool({ connectionString: url, max: 4 });
      await wholeJob(own, pgvector ? 'extensions' : undefined);
      await own.end();
      await close();
    });
  }

  test(`${postgres.name}: read only sessions search, and writes are refused by name`, async (context) => {
    context.skip(postgres.why !== undefined, postgres.why);
    const { pool, url, close } = await postgres.open();
    const store = await PgStore.create(pool, { name: 'x', codec, idType: 'bigint' });
    await store.upsert({ ids, embeddings: vectors });
    const reading = new pg.Pool({ connectionString: url, options: '-c default_transaction_read_only=on' });
    const read = await PgStore.open(reading, { name: 'x' });
    expect((await read.search(vectors.subarray(0, WIDTH), { k: 1 }))[0][0].id).toBe(1n);
    expect(await refusal(() => read.upsert({ ids: [1n], embeddings: vectors.subarray(0, WIDTH) }))).toMatch(
      /^CONNECTION_LOST: .*read-only.*primary/,
    );
    await reading.end();
    await close();
  });

  test(`${postgres.name}: another client_encoding is refused by name`, async (context) => {
    context.skip(postgres.why !== undefined, postgres.why);
    const { pool, url, close } = await postgres.open();
    await PgStore.create(pool, { name: 'x', codec, idType: 'bigint' });
    const latin = new pg.Pool({ connectionString: url });
    latin.on('connect', (client) => void client.query('set client_encoding = latin1'));
    expect(await refusal(() => PgStore.open(latin, { name: 'x' }))).toMatch(/^UNSUPPORTED: .*LATIN1.*UTF8/);
    await latin.end();
    await close();
  });
}
