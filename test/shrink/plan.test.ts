import { PgStore, Shrink } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';
import { noDump, schemaDump } from '../support/postgres/schema-dump.ts';

let database: Database;
beforeAll(async () => {
  database = await oneWithVector().open();
});
afterAll(async () => {
  await database?.close();
});

/** A table of random vectors, made by the server. */
async function made(id: string, idSql: string, rows: number, dimensions: number): Promise<void> {
  const { pool } = database;
  await pool.query(`create table planned (id ${id} primary key, embedding vector(${dimensions}))`);
  await pool.query(
    `insert into planned select ${idSql}, (select array_agg(random() - 0.5) from generate_series(1, ${dimensions} + 0 * i))::vector
     from generate_series(1, ${rows}) i`,
  );
}

for (const [id, idSql, rows, dimensions, kept, copy] of [
  ['bigint', 'i', 20_000, 256, 256],
  ['uuid', `md5(i::text)::uuid`, 8000, 1024, 1024],
  ['text', `'document ' || i`, 8000, 384, 128],
  ['integer', 'i', 2500, 2048, 2048],
  ['bigint', 'i', 8000, 256, 256, 'int8'],
  ['bigint', 'i', 8000, 256, 256, 'int4'],
  ['bigint', 'i', 8000, 256, 256, 'none'],
  ['integer', 'i', 2500, 1016, 1016, 'int16'],
] as const) {
  test(`the plan of ${rows} rows of ${dimensions} dimensions by ${id}${copy === undefined ? '' : `, copies ${copy},`} foresees the bytes, and changes nothing`, async () => {
    const { pool, url } = database;
    await made(id, idSql, rows, dimensions);
    const before = url === undefined || noDump !== undefined ? undefined : schemaDump(url);
    const shrink = new Shrink(pool, { table: 'planned', column: 'embedding' });
    const making = { dimensions: kept, ...(copy !== undefined && { copy }) };
    const plan = await shrink.plan({ ...making, trialRows: 2000 });
    if (before !== undefined) expect(schemaDump(url as string)).toBe(before);
    expect(plan).toMatchObject({
      rows,
      counted: true,
      dimensions: { input: dimensions, kept },
      sample: { nulls: 0, others: [] },
    });
    expect(plan.seconds.backfill).toBeGreaterThan(0);
    expect(plan.seconds.index).toBeGreaterThan(0);
    expect(plan.bytes.table).toBeGreaterThan(rows * dimensions * 4);
    await shrink.start(making);
    const store = await PgStore.open(pool, { name: 'planned' });
    const { bytes } = await store.stats();
    for (const [foreseen, real] of [
      [plan.bytes.added.codes, bytes.codes + bytes.bits],
      [plan.bytes.added.index, bytes.index],
      [plan.bytes.added.total, bytes.codes + bytes.bits + bytes.keys + bytes.index],
    ]) {
      expect(foreseen / real, JSON.stringify({ plan: plan.bytes.added, bytes })).toBeGreaterThan(0.85);
      expect(foreseen / real, JSON.stringify({ plan: plan.bytes.added, bytes })).toBeLessThan(1.15);
    }
    await shrink.rollback();
    await pool.query('drop table planned');
  });
}

test('the plan tells statements with their locks, rows of other widths, and settings that would help', async () => {
  const { pool } = database;
  await pool.query('create table odd (id bigint primary key, embedding vector)');
  await pool.query(`insert into odd select i, '[1,2,3,4,5,6,7,8]'::vector from generate_series(1, 500) i`);
  await pool.query(`insert into odd values (1000, null), (1001, '[1,2,3]'), (1002, '[1,2,3]')`);
  const plan = await new Shrink(pool, { table: 'odd', column: 'embedding' }).plan();
  expect(plan.sample).toEqual({
    dimensions: 8,
    sampled: 503,
    nulls: 1,
    others: [{ dimensions: 3, rows: 2 }],
  });
  const locks = new Map(plan.statements.map(({ step, lock }) => [`${step} ${lock}`, true]));
  expect([...locks.keys()]).toEqual([
    'schema none',
    'sidecar none',
    'sync none',
    'sync SHARE ROW EXCLUSIVE',
    'backfill ACCESS SHARE',
    'backfill none',
    'index none',
  ]);
  expect(plan.statements.map(({ sql }) => sql).join('\n')).toMatch(
    /create index concurrently "odd_ann" on "nestbit"."odd"/,
  );
  await pool.query('drop table odd');
});
