import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Codec, calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import { openPglite } from '@nestbit/pg-adapter/pglite';
import { beforeAll, expect, test } from 'vitest';
import { child, kill, message } from '../support/children.ts';
import { refusal, temporaryFolder } from '../support/files.ts';

const WIDTH = 64;
const vectors = clusteredVectors(300, WIDTH);
const folder = temporaryFolder();
let codec: Codec;

beforeAll(async () => {
  codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
});

test('a statement with parameters that fails leaves the session as it was, nestbit’s own and the application’s', async () => {
  const { pool, close } = await openPglite();
  const one = async (): Promise<unknown> => (await pool.query('select $1::int as one', [1])).rows;
  expect(await refusal(() => PgStore.open(pool, { name: 'x' }))).toMatch(/^STORE_NOT_FOUND/);
  expect(await one()).toEqual([{ one: 1 }]);
  for (const [text, values] of [
    ['select * from missing where a = $1', [1]],
    ['select 1 / $1::int', [0]],
    ['select $1::int', ['no number']],
    ['select * from missing', []],
    ['syntax', [1]],
  ] as const) {
    const failing = pool.query(text, [...values]);
    const next = one();
    await expect(failing).rejects.toThrow();
    expect(await next).toEqual([{ one: 1 }]);
  }
  const store = await PgStore.create(pool, { name: 'x', codec, idType: 'bigint' });
  await store.upsert({ ids: [1n], embeddings: vectors.subarray(0, WIDTH) });
  const together = await Promise.allSettled([
    store.size(),
    pool.query('select 1 / $1::int', [0]),
    store.search(vectors.subarray(0, WIDTH), { k: 1 }),
    pool.query('select * from missing where a = $1', [1]),
    store.upsert({ ids: [2n], embeddings: vectors.subarray(WIDTH, 2 * WIDTH) }),
  ]);
  expect(together.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'rejected',
    'fulfilled',
  ]);
  expect(await store.size()).toBe(2);
  await close();
});

test('a client that is given up in a transaction takes it along', async () => {
  const { pool, close } = await openPglite();
  await pool.query('create table t (a int)');
  const client = await pool.connect();
  await client.query('begin');
  await client.query('insert into t values ($1)', [1]);
  await client.query("set timezone = 'Asia/Tokyo'");
  client.release(true);
  expect(
    (await pool.query("select count(*)::int as rows, current_setting('timezone') as zone from t")).rows[0],
  ).toMatchObject({
    rows: 0,
    zone: expect.not.stringMatching('Tokyo'),
  });
  await close();
});

test('a folder is open once: another process is refused until the holder ends or is killed', async () => {
  const path = join(folder, 'lite');
  const made = await openPglite(path);
  expect(await refusal(() => openPglite(path))).toMatch(
    /^STORE_LOCKED: This process has .*lite open.*lite\.lock/,
  );
  const store = await PgStore.create(made.pool, { name: 'docs', codec, idType: 'bigint' });
  await store.upsert({ ids: [1n], embeddings: vectors.subarray(0, WIDTH) });
  await made.close();
  expect(existsSync(`${path}.lock`)).toBe(false);
  const holder = child('pg-busy.ts', `pglite:${path}`, '20');
  await message(holder);
  expect(await refusal(() => openPglite(path))).toMatch(
    new RegExp(`^STORE_LOCKED: The process ${holder.pid} has`),
  );
  await kill(holder);
  const again = await openPglite(path);
  expect(await (await PgStore.open(again.pool, { name: 'docs' })).size()).toBeGreaterThan(0);
  await again.close();
});
