import { type Codec, type Condition, calibrate, type Filter, type Payload, type Scalar } from '@nestbit/core';
import { ClusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { matches } from '../../packages/core/src/store/matches.ts';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';

// Filters on columns of the user's table: in the column's own type where nestbit knows it, as jsonb otherwise.
// Both must pass what core's `matches` passes of the row as JSON.

const WIDTH = 64;
const UUID = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
const ROWS: readonly Payload[] = [
  { small: 1, whole: 5, big: 9007199254740991, name: 'a', loose: 'a', key: UUID, flag: true, part: 0.5 },
  { small: 0, whole: -5, big: -9007199254740991, name: 'B', loose: 'B', key: null, flag: false, part: -0.5 },
  { small: -1, whole: 0, big: 0, name: 'ä', loose: 'Ä', key: UUID.replace('a', 'b'), flag: null, part: 0 },
  { small: null, whole: null, big: null, name: null, loose: null, key: null, flag: null, part: null },
  { small: 32767, whole: 2147483647, big: 1, name: '', loose: '', key: null, flag: true, part: 1e10 },
  { small: 2, whole: 6, big: 2, name: "'; --", loose: 'b', key: null, flag: true, part: 2 },
  { small: 3, whole: 7, big: 3, name: '5', loose: '5', key: null, flag: false, part: 5 },
];
const VALUES: readonly Scalar[] = [
  ...[
    null,
    true,
    false,
    0,
    -0,
    1,
    5,
    0.5,
    -0.5,
    4.999,
    -5,
    32767,
    32768,
    2 ** 31,
    2 ** 53,
    2 ** 63,
    -(2 ** 63),
    1e300,
  ],
  ...[
    '',
    'a',
    'A',
    'B',
    'b',
    'ä',
    'Ä',
    '5',
    'true',
    'null',
    "'; --",
    UUID,
    UUID.toUpperCase(),
    'not a uuid',
    '{}',
  ],
];
const FIELDS = ['small', 'whole', 'big', 'name', 'loose', 'key', 'flag', 'part'];

let database: Database;
let codec: Codec;
let store: PgStore;
let vectors: Float32Array;

beforeAll(async () => {
  database = await oneWithVector().open();
  const { pool } = database;
  vectors = new ClusteredVectors(WIDTH, 4, 2, 0.4).take(ROWS.length);
  codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
  // PGlite has no ICU, and so no text that is equal without being the same.
  const icu = await pool
    .query("create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    .then(
      () => 'collate nocase',
      () => '',
    );
  await pool.query(
    `create table wide (id text ${icu} primary key, small int2, whole int, big int8, name text,
       loose text ${icu}, key uuid, flag boolean, part float8);
     create index on wide (whole); create index on wide (name)`,
  );
  for (const [i, row] of ROWS.entries()) {
    const values = FIELDS.map((field) => row[field]);
    await pool.query('insert into wide values ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [`Row ${i}`, ...values]);
  }
  store = await PgStore.attach(pool, { table: 'wide', id: 'id', columns: FIELDS, codec });
  await store.upsert({ ids: ROWS.map((_, i) => `Row ${i}`), embeddings: vectors });
});
afterAll(async () => {
  await database?.close();
});

async function passing(filter: Filter): Promise<number[]> {
  const [hits] = await store.search(vectors.subarray(0, WIDTH), { k: ROWS.length, filter });
  return hits.map(({ id }) => Number(String(id).slice(4))).sort();
}

function wanted(conditions: readonly Condition[]): number[] {
  return ROWS.flatMap((row, i) => (matches(conditions, row) ? [i] : []));
}

for (const field of FIELDS) {
  test(`every operator on ${field} passes the rows that core passes`, async () => {
    for (const value of VALUES) {
      // Whole numbers beyond 2^53 are only bounds.
      const exact = typeof value !== 'number' || Number.isSafeInteger(value) || !(Math.abs(value) >= 2 ** 53);
      if (exact) {
        expect(await passing({ [field]: value }), `= ${value}`).toEqual(
          wanted([{ field, operator: 'in', values: [value] }]),
        );
        expect(await passing({ [field]: { ne: value } }), `ne ${value}`).toEqual(
          wanted([{ field, operator: 'ne', value }]),
        );
      }
      if (typeof value !== 'string' && typeof value !== 'number') continue;
      for (const operator of ['gte', 'gt', 'lte', 'lt'] as const) {
        expect(await passing({ [field]: { [operator]: value } }), `${operator} ${value}`).toEqual(
          wanted([{ field, operator, value }]),
        );
      }
    }
    const values = VALUES.filter((value, i) => i % 2 === 0 && !(Math.abs(Number(value)) >= 2 ** 53));
    expect(await passing({ [field]: { in: values } })).toEqual(wanted([{ field, operator: 'in', values }]));
    expect(await passing({ [field]: { in: [] } })).toEqual([]);
  });
}

test('an index on a column of the table, and one on its text id, serve the search', async () => {
  const { pool } = database;
  await pool.query(
    `create table large (id text primary key, topic int);
     insert into large select 'doc ' || i, i % 1000 from generate_series(1, 20000) i;
     create index on large (topic)`,
  );
  const large = await PgStore.attach(pool, { table: 'large', id: 'id', codec });
  const ids = Array.from({ length: 20_000 }, (_, i) => `doc ${i + 1}`);
  await large.upsert({ ids, embeddings: new ClusteredVectors(WIDTH, 64, 3, 0.4).take(ids.length) });
  await pool.query('analyze');
  const { plan, server } = await large.explain(vectors.subarray(0, WIDTH), { filter: { topic: 7 } });
  expect(plan).toBe('exact');
  expect(server).toMatch(/Index Cond: \(topic = ANY/);
  // Twenty rows pass: both tables are reached by their keys.
  expect(server).not.toMatch(/Seq Scan/);
  await large.buildIndex();
  const near = await large.explain(vectors.subarray(0, WIDTH), { k: 10, oversample: 5, prefilter: 50 });
  expect(near.server).toMatch(/Index Scan using large_ann/);
  expect(near.server).toMatch(/using large_pkey on large s/);
});
