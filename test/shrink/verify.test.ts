import { PgStore, Shrink } from '@nestbit/pg-adapter';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { literalOf, makeTable, WIDTH } from '../support/shrink-table.ts';

const ROWS = 2500;
/** Every row is a query of the recall. */
const SMALL = 500;

/** Statements on the table that the triggers do not see. */
async function unseen(pool: Pool, ...statements: string[]): Promise<void> {
  const client = await pool.connect();
  await client.query(`set session_replication_role = replica`);
  for (const statement of statements) await client.query(statement);
  await client.query(`reset session_replication_role`);
  client.release();
}

for (const { name, why, open } of everyPostgres()) {
  describe(name, () => {
    let database: Database;
    beforeAll(async () => {
      if (why === undefined) database = await open();
    });
    afterAll(async () => {
      await database?.close();
    });

    test('verify finds every planted error by id and kind, and nothing else', async (context) => {
      context.skip(why !== undefined, why);
      const { pool } = database;
      const type = database.pgvector ? 'vector' : 'real[]';
      const { vectors } = await makeTable(pool, 'planted', ROWS, {
        type,
        id: 'text',
        idAt: (row) => `row ${row}`,
      });
      await pool.query(`update planted set embedding = null where id = 'row 60'`);
      const shrink = new Shrink(pool, { table: 'planted', column: 'embedding' });
      await shrink.start({ copy: 'int8' });
      expect(await shrink.verify({ queries: 0 })).toMatchObject({
        ok: true,
        recall: undefined,
        parity: { rows: ROWS, right: ROWS - 1, nulls: 1, bad: 0, pending: 0, faults: [] },
      });
      const ids = (from: number, count: number): string[] =>
        Array.from({ length: count }, (_, i) => `row ${from + i * 101}`);
      const list = (of: string[]): string => of.map((id) => `'${id}'`).join(',');
      const planted = {
        'wrong bits': ids(1, 5),
        'wrong copy': ids(2, 5),
        'wrong scalars': ids(6, 5),
        'wrong bits, scalars and copy': ids(3, 4),
        missing: ids(4, 3),
        'left over': ids(5, 3),
      };
      await pool.query(
        `update nestbit.planted set bits = set_bit(bits, 3, 1 - get_bit(bits, 3)) where id in (${list(planted['wrong bits'])})`,
      );
      await pool.query(
        `update nestbit.planted set copy = set_byte(copy, 7, 255 - get_byte(copy, 7)) where id in (${list(planted['wrong copy'])})`,
      );
      await pool.query(
        `update nestbit.planted set scalars = -1 - scalars where id in (${list(planted['wrong scalars'])})`,
      );
      await pool.query(`delete from nestbit.planted where id in (${list(planted.missing)})`);
      const other = Array.from(vectors.subarray(0, WIDTH), (x) => -x);
      await unseen(
        pool,
        `update planted set embedding = '${literalOf(other, type)}' where id in (${list(planted['wrong bits, scalars and copy'])})`,
        `delete from planted where id in (${list(planted['left over'].slice(0, 2))})`,
        `update planted set embedding = null where id = '${planted['left over'][2]}'`,
      );
      // Changes that a worker has yet to settle are no errors.
      await pool.query(
        `update planted set embedding = '${literalOf(other, type)}' where id in ('row 2000', 'row 2001')`,
      );
      await pool.query(`delete from planted where id = 'row 2002'`);
      const found = await shrink.verify({ queries: 0 });
      const byKind = Object.fromEntries(
        Object.keys(planted).map((kind) => [
          kind,
          found.parity.faults
            .filter((one) => one.kind === kind)
            .map(({ id }) => id)
            .sort(),
        ]),
      );
      expect(byKind).toEqual(
        Object.fromEntries(Object.entries(planted).map(([kind, of]) => [kind, of.toSorted()])),
      );
      expect(found).toMatchObject({ ok: false, parity: { pending: 3 } });
      expect(found.parity.faults).toHaveLength(25);
      const { repairing } = await shrink.verify({ queries: 0, repair: true });
      expect(repairing).toBe(25);
      // They wait for a worker now.
      expect(await shrink.verify({ queries: 0 })).toMatchObject({
        ok: true,
        parity: { pending: 28, faults: [] },
      });
      await shrink.rollback();
      await pool.query('drop table planted');
    });

    test('recall of the sample is what an independent computation gives', async (context) => {
      context.skip(why !== undefined, why);
      const { pool } = database;
      const type = database.pgvector ? `vector(${WIDTH})` : 'double precision[]';
      const { vectors } = await makeTable(pool, 'searched', SMALL, { type });
      if (database.pgvector)
        await pool.query('create index on searched using hnsw (embedding vector_cosine_ops)');
      const shrink = new Shrink(pool, { table: 'searched', column: 'embedding' });
      expect(await refusal(() => shrink.verify())).toMatch(/^STORE_NOT_FOUND/);
      await shrink.start();
      const { recall, ok } = await shrink.verify({ k: 5, queries: SMALL });
      expect(ok).toBe(true);
      const store = await PgStore.open(pool, { name: 'searched' });
      const hits = await store.search(vectors, { k: 6 });
      let sum = 0;
      for (let query = 0; query < SMALL; query++) {
        const scores = Float64Array.from({ length: SMALL }, (_, row) => {
          let dot = 0;
          for (let i = 0; i < WIDTH; i++) dot += vectors[query * WIDTH + i] * vectors[row * WIDTH + i];
          return dot;
        });
        const nearest = Array.from(scores.keys())
          .filter((row) => row !== query)
          .sort((a, b) => scores[b] - scores[a])
          .slice(0, 5);
        const own = hits[query]
          .map(({ id }) => Number(id))
          .filter((id) => id !== query)
          .slice(0, 5);
        sum += nearest.filter((row) => own.includes(row)).length / 5;
      }
      expect(recall?.codes.queries).toBe(SMALL);
      expect(recall?.codes.recall).toBeCloseTo(sum / SMALL, 3);
      const { low, high } = recall?.codes.interval ?? { low: 1, high: 0 };
      expect(low).toBeLessThan(sum / SMALL);
      expect(high).toBeGreaterThan(sum / SMALL);
      expect(recall?.codes.p50).toBeGreaterThan(0);
      if (database.pgvector)
        expect(recall?.floats).toMatchObject({ index: 'searched_embedding_idx', queries: SMALL });
      else expect(recall?.floats).toBeUndefined();
      await shrink.rollback();
      await pool.query('drop table searched');
    });
  });
}
