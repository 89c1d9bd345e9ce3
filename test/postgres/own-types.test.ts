import { type Codec, calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore, Shrink } from '@nestbit/pg-adapter';
import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { exactJson } from '../../packages/pg-adapter/src/sql/exact-json.ts';
import { everyPostgres } from '../support/postgres/databases.ts';

// Applications register parsers of their own, for all of `pg` or for a pool. What nestbit reads must not change.

const WIDTH = 64;
const vectors = clusteredVectors(200, WIDTH);
const ids = Array.from({ length: 200 }, (_, i) => BigInt(i));
const payloads = ids.map((id) => ({ number: Number(id), tags: ['a', 'b "c"'] }));
let codec: Codec;

beforeAll(async () => {
  codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
});

async function everything(pool: pg.Pool): Promise<unknown> {
  const store = await PgStore.open(pool, { name: 'x' });
  const rows = await store.get(ids.slice(0, 3));
  const hits = await store.search(vectors.subarray(0, WIDTH), {
    filter: { number: { lt: 50 } },
    payloads: true,
  });
  const { rows: size, bytes } = await store.stats();
  const pages: unknown[] = [];
  for await (const { ids: some, codes } of store.rows({ batchRows: 64 }))
    pages.push(some, codes.bits, codes.copies);
  return { rows, hits, size, bytes, pages };
}

for (const postgres of everyPostgres()) {
  test(`${postgres.name}: parsers of the pool, and of all of pg, change nothing`, async (context) => {
    context.skip(postgres.why !== undefined, postgres.why);
    const { pool, url, close } = await postgres.open();
    const store = await PgStore.create(pool, { name: 'x', codec, idType: 'bigint' });
    await store.upsert({ ids, embeddings: vectors, payloads });
    const expected = await everything(pool);
    const before = new Map([17, 20, 23, 114, 1009, 3802].map((oid) => [oid, pg.types.getTypeParser(oid)]));
    try {
      for (const oid of before.keys()) pg.types.setTypeParser(oid, () => 'the application reads it so');
      expect(await everything(pool)).toEqual(expected);
      if (url === undefined) return;
      const types = { getTypeParser: () => (text: string) => `"${text}"` } as unknown as pg.CustomTypesConfig;
      const typed = new pg.Pool({ connectionString: url, types, max: 3 });
      expect(await everything(typed)).toEqual(expected);
      await typed.query('create table docs (id bigint primary key, embedding real[])');
      await pool.query(
        `insert into docs select g, array(select sin(g * d)::real from generate_series(1, 64) d) from generate_series(1, 200) g`,
      );
      const shrink = new Shrink(typed, { table: 'docs', column: 'embedding' });
      await shrink.start({ index: 'none' });
      expect((await shrink.verify({ queries: 0 })).parity).toMatchObject({ rows: 200, right: 200 });
      // The application's own queries read as before.
      expect((await typed.query('select 1 as one')).rows).toEqual([{ one: '"1"' }]);
      await typed.end();
    } finally {
      for (const [oid, parser] of before) pg.types.setTypeParser(oid, parser);
      await close();
    }
  });
}

test('JSON keeps whole numbers that JavaScript would round as text, and no others', () => {
  expect(
    exactJson(
      '{"a": 9007199254740993, "b": [-9007199254740993, 9007199254740992], "c": "9007199254740993", "d": 0.1234567890123456, "9007199254740993": 1}',
    ),
  ).toEqual({
    a: '9007199254740993',
    b: ['-9007199254740993', 9007199254740992],
    c: '9007199254740993',
    d: 0.1234567890123456,
    '9007199254740993': 1,
  });
  for (const value of [1e21, 2 ** 70, Number.MAX_VALUE, -1e300, 1.5e16]) {
    const asJsonb =
      BigInt(value) && String(value).includes('e')
        ? `${String(value).replace(/^(-?\d)\.?(\d*)e\+(\d+)$/, (_, first, rest: string, exponent) => first + rest.padEnd(Number(exponent), '0'))}`
        : String(value);
    expect(exactJson(`[${asJsonb}, "x"]`)).toEqual([value, 'x']);
  }
  expect(exactJson('{"text with \\"9007199254740993\\"": 1}')).toEqual({ 'text with "9007199254740993"': 1 });
});
