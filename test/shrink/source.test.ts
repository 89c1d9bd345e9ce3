import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  describeSource,
  encodeRows,
  readByIds,
  readRange,
} from '../../packages/pg-adapter/src/source/index.ts';
import { refusal } from '../support/files.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';

const WIDTH = 16;
const ROWS = 700;
const vectors = clusteredVectors(ROWS, WIDTH);
const uuidOf = (row: number): string =>
  `00000000-0000-4000-8000-${((row * 7919) % 1_000_003).toString(16).padStart(12, '0')}`;

/** Types of columns, how a row's values are given to them, and how exact they are. */
const kinds: Record<
  string,
  { sql: string; pgvector?: boolean; value(values: number[]): unknown; digits?: number }
> = {
  vector: { sql: 'vector', pgvector: true, value: (values) => `[${values}]` },
  'vector(16)': { sql: `vector(${WIDTH})`, pgvector: true, value: (values) => `[${values}]` },
  halfvec: { sql: `halfvec(${WIDTH})`, pgvector: true, value: (values) => `[${values}]`, digits: 3 },
  'real[]': { sql: 'real[]', value: (values) => values },
  'double precision[]': { sql: 'double precision[]', value: (values) => values },
  bytea: { sql: 'bytea', value: (values) => Buffer.from(Float32Array.from(values).buffer) },
  jsonb: { sql: 'jsonb', value: (values) => JSON.stringify(values) },
  json: { sql: 'json', value: (values) => JSON.stringify(values) },
};
const idTypes: Record<string, (row: number) => string> = {
  bigint: (row) => String((row - 100) * 3_000_000_000),
  integer: (row) => String(row - 5),
  smallint: (row) => String(row),
  uuid: uuidOf,
  text: (row) => `key "${row}" ü\n`,
  'varchar(40)': (row) => `K${row}`,
};

for (const { name, why, open } of everyPostgres()) {
  describe(name, () => {
    let database: Database;
    let pool: Pool;
    beforeAll(async () => {
      if (why !== undefined) return;
      database = await open();
      pool = database.pool;
      await pool.query('create schema "Own Schema"');
    });
    afterAll(async () => {
      await database?.close();
    });

    for (const [kind, { sql, pgvector = false, value, digits }] of Object.entries(kinds)) {
      test(`every row of a column ${kind} comes back as it was given, by ranges and by ids`, async (context) => {
        context.skip(why !== undefined, why);
        context.skip(pgvector && !database.pgvector, 'no pgvector here');
        const table = `From "${kind}"`;
        await pool.query(
          `create table "Own Schema"."From ""${kind}""" ("The Id" integer primary key, "e m" ${sql})`,
        );
        for (let row = 0; row < ROWS; row++) {
          const values =
            row % 100 === 9 ? null : value([...vectors.subarray(row * WIDTH, (row + 1) * WIDTH)]);
          await pool.query(`insert into "Own Schema"."From ""${kind}""" values ($1, $2)`, [row, values]);
        }
        const source = await describeSource(pool, { table, tableSchema: 'Own Schema', column: 'e m' });
        expect(source).toMatchObject({
          id: 'The Id',
          idType: 'bigint',
          kind: kind === 'json' ? 'jsonb' : kind.replace('(16)', ''),
        });
        expect(source.dimensions).toBe(/\(/.test(sql) ? WIDTH : undefined);
        const ids: string[] = [];
        const nulls: string[] = [];
        const floats: number[] = [];
        const client = await pool.connect();
        const copy = database.url !== undefined;
        for await (const batch of readRange(
          client,
          source,
          WIDTH,
          { after: '4', upTo: '650' },
          { copy, rowsAtOnce: 100 },
        )) {
          ids.push(...batch.ids);
          nulls.push(...batch.nulls);
          floats.push(...batch.embeddings);
          expect(batch.bad).toEqual([]);
        }
        client.release();
        expect([...ids, ...nulls].map(Number).sort((a, b) => a - b)).toEqual(
          Array.from({ length: 646 }, (_, i) => i + 5),
        );
        expect(nulls).toEqual(['9', '109', '209', '309', '409', '509', '609']);
        const wanted = Float32Array.from(
          ids.flatMap((id) => [...vectors.subarray(Number(id) * WIDTH, (Number(id) + 1) * WIDTH)]),
        );
        const close = (given: ArrayLike<number>): boolean =>
          wanted.every((x, i) =>
            digits === undefined ? x === given[i] : Math.abs(x - given[i]) < 10 ** -digits,
          );
        expect(close(floats)).toBe(true);
        const byIds = await readByIds(pool, source, WIDTH, ['3', '9', '1000', '5']);
        expect(byIds).toMatchObject({ nulls: ['9'], missing: ['1000'], bad: [] });
        expect([...byIds.ids].sort()).toEqual(['3', '5']);
      });
    }

    for (const [type, idAt] of Object.entries(idTypes)) {
      test(`ids of type ${type} are read in their own order and spelling`, async (context) => {
        context.skip(why !== undefined, why);
        const table = `ids ${type}`;
        await pool.query(`create table "${table}" (id ${type} primary key, e real[])`);
        for (let row = 0; row < 300; row++)
          await pool.query(`insert into "${table}" values ($1, $2)`, [
            idAt(row),
            [...vectors.subarray(row * WIDTH, (row + 1) * WIDTH)],
          ]);
        const source = await describeSource(pool, { table, column: 'e' });
        const { rows } = await pool.query<{ id: string }>(`select id::text from "${table}" s order by s.id`);
        const order = rows.map(({ id }) => id);
        const client = await pool.connect();
        const copy = database.url !== undefined;
        const read: string[] = [];
        for (const [after, upTo] of [
          [undefined, order[99]],
          [order[99], order[200]],
          [order[200], undefined],
        ] as const)
          for await (const batch of readRange(
            client,
            source,
            WIDTH,
            { after, upTo },
            { copy, rowsAtOnce: 64 },
          ))
            read.push(...batch.ids);
        client.release();
        expect(read).toEqual(order);
        expect((await readByIds(pool, source, WIDTH, order.slice(0, 7))).ids.toSorted()).toEqual(
          order.slice(0, 7).toSorted(),
        );
      });
    }

    test('rows that are no vectors of the width are told by id and reason; the others are encoded', async (context) => {
      context.skip(why !== undefined, why);
      await pool.query('create table odd (id text primary key, e jsonb)');
      const good = JSON.stringify([...vectors.subarray(0, WIDTH)]);
      const rows: [string, string | null][] = [
        ['good', good],
        ['null', null],
        ['short', '[1,2,3]'],
        ['words', '["a"]'],
        ['object', '{"a":1}'],
        ['zero', JSON.stringify(new Array(WIDTH).fill(0))],
        ['huge', JSON.stringify([1e300, ...new Array(WIDTH - 1).fill(1)])],
        ['also good', good],
      ];
      for (const row of rows) await pool.query('insert into odd values ($1, $2)', row);
      const source = await describeSource(pool, { table: 'odd', column: 'e' });
      const read = await readByIds(
        pool,
        source,
        WIDTH,
        rows.map(([id]) => id),
      );
      const codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
      const { ids, codes, bad } = await encodeRows(codec, read);
      expect(read.nulls).toEqual(['null']);
      expect([...ids].sort()).toEqual(['also good', 'good']);
      expect(codes.bits.subarray(0, WIDTH / 8)).toEqual(codec.encode(vectors.subarray(0, WIDTH)).bits);
      expect(Object.fromEntries(bad.map(({ id, code, reason }) => [id, `${code}: ${reason}`]))).toEqual({
        short: 'DIMENSIONS: it has 3 dimensions, not 16',
        words: 'VECTOR_INVALID: it is no array of numbers',
        object: 'VECTOR_INVALID: it is no array of numbers',
        zero: 'VECTOR_ZERO: it is zero in the dimensions that are kept',
        huge: 'VECTOR_NOT_FINITE: it holds NaN or Infinity',
      });
      await pool.query(`create table arrays (id integer primary key, e real[])`);
      await pool.query(
        `insert into arrays values (1, '{{1,2},{3,4}}'), (2, '{}'), (3, array[null]::real[] || array_fill(1::real, array[15])), (4, array['NaN'::real] || array_fill(1::real, array[15]))`,
      );
      const arrays = await encodeRows(
        codec,
        await readByIds(pool, await describeSource(pool, { table: 'arrays', column: 'e' }), WIDTH, [
          '1',
          '2',
          '3',
          '4',
        ]),
      );
      expect(arrays.bad.map(({ id, code }) => `${id} ${code}`).sort()).toEqual([
        '1 VECTOR_INVALID',
        '2 DIMENSIONS',
        '3 VECTOR_INVALID',
        '4 VECTOR_NOT_FINITE',
      ]);
    });

    test('tables that cannot be followed are refused with a way out', async (context) => {
      context.skip(why !== undefined, why);
      await pool.query(
        'create table pair (a integer, b integer, e real[], t timestamptz, n numeric unique not null, u integer unique, primary key (a, b))',
      );
      await pool.query('create table bare (a integer, e real[])');
      await pool.query('create view seen as select * from pair');
      await pool.query(
        'create table parts (a integer, day date, e real[], primary key (a, day)) partition by range (day)',
      );
      const said = (table: string, column = 'e', id?: string): Promise<string> =>
        refusal(() => describeSource(pool, { table, column, id }));
      expect(await said('pair')).toMatch(/^ID_TYPE: .*composite primary key \(a, b\).*--id/);
      expect(await said('parts')).toMatch(/^ID_TYPE: .*composite primary key \(a, day\).*each partition/);
      expect(await said('bare')).toMatch(/^ID_TYPE: .*no primary key.*add column/);
      expect(await said('bare', 'e', 'a')).toMatch(/^ID_TYPE: .*may be null/);
      expect(await said('pair', 'e', 'a')).toMatch(
        /^ID_TYPE: .*no unique index.*create unique index concurrently/,
      );
      expect(await said('pair', 'e', 'n')).toMatch(/^ID_TYPE: .*of type numeric/);
      expect(await said('pair', 'e', 'u')).toMatch(/^ID_TYPE: .*may be null/);
      expect(await said('pair', 't', 'n')).toMatch(
        /^UNSUPPORTED: .*timestamp with time zone.*vector, halfvec/,
      );
      expect(await said('pair', 'gone')).toMatch(/^COLUMN_NOT_FOUND: .*there are: a, b, e/);
      expect(await said('seen')).toMatch(/^UNSUPPORTED: .*is a view/);
      expect(await said('none')).toMatch(/^TABLE_NOT_FOUND/);
    });
  });
}
