import { type Codec, calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import pg from 'pg';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';

const WIDTH = 64;
const vectors = clusteredVectors(2000, WIDTH);
const ids = Array.from({ length: 2000 }, (_, id) => BigInt(id));
let database: Database;
let codec: Codec;

beforeAll(async () => {
  database = await oneWithVector().open();
  codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
});
afterAll(async () => {
  await database?.close();
});

async function as(context: TestContext, role: string, grants: readonly string[]): Promise<pg.Pool> {
  const { url, pool } = database;
  context.skip(url === undefined, 'needs a server: PGlite has one user');
  await pool.query(`drop role if exists ${role}`);
  await pool.query(`create role ${role} login`);
  for (const grant of grants) await pool.query(grant.replaceAll('ROLE', role));
  const own = new URL(url as string);
  own.username = role;
  return new pg.Pool({ connectionString: own.href });
}

async function forget(role: string): Promise<void> {
  await database.pool.query(`drop owned by ${role} cascade`);
  await database.pool.query(`drop role ${role}`);
}

// These lists are those of docs/postgres.md.
test('a role that owns the schema does everything, without being a superuser', async (context) => {
  const pool = await as(context, 'nestbit_owner', ['create schema nestbit authorization ROLE']);
  const store = await PgStore.create(pool, { name: 'owned', codec, idType: 'bigint' });
  await store.upsert({ ids, embeddings: vectors, payloads: ids.map((id) => ({ n: Number(id) })) });
  expect(await store.buildIndex()).toMatchObject({ valid: true });
  expect((await store.search(vectors.subarray(0, WIDTH)))[0]).toHaveLength(10);
  await store.drop();
  await pool.end();
  await forget('nestbit_owner');
});

test('a role that may only write rows writes them, and makes no store', async (context) => {
  await (await PgStore.create(database.pool, { name: 'shared', codec, idType: 'bigint' })).close();
  const pool = await as(context, 'nestbit_writer', [
    'grant usage on schema nestbit to ROLE',
    'grant select, insert, update, delete on all tables in schema nestbit to ROLE',
    'grant usage, update on all sequences in schema nestbit to ROLE',
  ]);
  const store = await PgStore.open(pool, { name: 'shared' });
  for (let round = 0; round < 2; round++) {
    await store.upsert({
      ids,
      embeddings: vectors,
      payloads: ids.map((id) => ({ n: Number(id), [`round_${round}`]: 1 })),
    });
  }
  expect(await store.delete(ids.slice(0, 10))).toBe(10);
  expect(await refusal(() => PgStore.create(pool, { name: 'more', codec }))).toMatch(
    /^PERMISSION_DENIED: .*docs\/postgres\.md/,
  );
  expect(await refusal(() => store.buildIndex())).toMatch(/^PERMISSION_DENIED: /);
  await pool.end();
  await forget('nestbit_writer');
});

test('a role that may only read searches, and is refused when it writes', async (context) => {
  const pool = await as(context, 'nestbit_reader', [
    'grant usage on schema nestbit to ROLE',
    'grant select on all tables in schema nestbit to ROLE',
  ]);
  const store = await PgStore.open(pool, { name: 'shared' });
  const [hits] = await store.search(vectors.subarray(20 * WIDTH, 21 * WIDTH), {
    filter: { n: { gte: 15 } },
    payloads: true,
  });
  expect(hits[0]).toMatchObject({ id: 20n, payload: { n: 20 } });
  expect(await refusal(() => store.upsert({ ids: [1n], embeddings: vectors.subarray(0, WIDTH) }))).toMatch(
    /^PERMISSION_DENIED: /,
  );
  expect(await refusal(() => store.delete([1n]))).toMatch(/^PERMISSION_DENIED: /);
  await pool.end();
  await forget('nestbit_reader');
});
