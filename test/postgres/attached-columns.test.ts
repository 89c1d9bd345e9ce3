import { type Codec, calibrate, type Filter } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import { beforeAll, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { everyPostgres } from '../support/postgres/databases.ts';

const WIDTH = 64;
const ROWS = 10;
const vectors = clusteredVectors(200, WIDTH).slice(0, ROWS * WIDTH);
let codec: Codec;

beforeAll(async () => {
  codec = (await calibrate([clusteredVectors(200, WIDTH)], { inputDimensions: WIDTH })).codec();
});

for (const postgres of everyPostgres()) {
  test(`${postgres.name}: times are compared as times, char(n) without its blanks, and whole numbers keep their digits`, async (context) => {
    context.skip(postgres.why !== undefined, postgres.why);
    const { pool, close } = await postgres.open();
    await pool.query(`create table docs (id bigint primary key, at timestamptz, local timestamp, day date, code char(6), author bigint);
      insert into docs select g, '2024-01-01T00:00:00Z'::timestamptz + g * interval '1 day', '2024-01-01'::timestamp + g * interval '1 day',
        '2024-01-01'::date + g::int, 'c' || g, 9007199254740991 + g from generate_series(1, 10) g`);
    await pool.query(
      `do $$ begin execute format('alter database %I set timezone = %L', current_database(), 'America/New_York'); end $$`,
    );
    await pool.query(`set timezone = 'America/New_York'`);
    const columns = ['at', 'author', 'code'];
    const store = await PgStore.attach(pool, { table: 'docs', id: 'id', columns, codec });
    const ids = Array.from({ length: ROWS }, (_, i) => BigInt(i + 1));
    await store.upsert({ ids, embeddings: vectors });
    const found = async (filter: Filter): Promise<number[]> =>
      (await store.search(vectors.subarray(0, WIDTH), { k: ROWS, filter }))[0]
        .map(({ id }) => Number(id))
        .sort((a, b) => a - b);
    const fifth = new Date('2024-01-05T00:00:00Z');
    const sixth = new Date('2024-01-06T00:00:00Z');
    for (const field of ['at', 'local', 'day']) {
      expect(await found({ [field]: { gte: fifth, lt: sixth } }), field).toEqual([4]);
      expect(await found({ [field]: fifth }), field).toEqual([4]);
      expect(await found({ [field]: '2024-01-05T02:00:00+02:00' }), field).toEqual([4]);
      expect(await found({ [field]: { in: [fifth, sixth, null] } }), field).toEqual([4, 5]);
      expect(await found({ [field]: { ne: fifth } }), field).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10]);
      expect(await refusal(() => found({ [field]: 'yesterday' }))).toMatch(/^FILTER_VALUE: .*yesterday/);
      expect(await refusal(() => found({ [field]: 5 }))).toMatch(/^FILTER_VALUE/);
      expect(await refusal(() => found({ [field]: '2024-02-30T00:00:00Z' }))).toMatch(/^FILTER_VALUE/);
    }
    expect(await found({ day: { gt: '2024-01-10' } })).toEqual([10]);
    expect(await found({ local: '2024-01-05T00:00:00' })).toEqual([4]);
    expect(await refusal(() => found({ at: '2024-01-05T00:00:00' }))).toMatch(/^FILTER_VALUE: .*time zone/);
    expect(await found({ code: 'c3' })).toEqual([3]);
    expect(await found({ code: { gte: 'c8' } })).toEqual([8, 9]);
    expect(await found({ code: { ne: 'c3' } })).toHaveLength(9);
    expect((await store.get([2n]))[0]?.payload?.['author']).toBe('9007199254740993');
    await close();
  });

  test(`${postgres.name}: an id that does not name one row is refused`, async (context) => {
    context.skip(postgres.why !== undefined, postgres.why);
    const { pool, close } = await postgres.open();
    await pool.query(`create table many (id bigint not null, other bigint unique, part bigint not null);
      create unique index on many (part) where part > 5; create view seen as select * from many`);
    const attach = (table: string, id: string): Promise<string> =>
      refusal(() => PgStore.attach(pool, { table, id, codec }));
    expect(await attach('many', 'id')).toMatch(/^ID_TYPE: .*no unique index/);
    expect(await attach('many', 'other')).toMatch(/^ID_TYPE: .*may be null/);
    expect(await attach('many', 'part')).toMatch(/^ID_TYPE: .*no unique index/);
    await PgStore.attach(pool, { table: 'seen', id: 'id', codec });
    await close();
  });
}
