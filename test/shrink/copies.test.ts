import { MemoryStore } from '@nestbit/core';
import { PgStore, Shrink } from '@nestbit/pg-adapter';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { makeTable, WIDTH, wrongCodes } from '../support/shrink-table.ts';
import { freshLiteral, openWorker } from '../support/sync-table.ts';

const ROWS = 1300;
const COPIES = ['int8', 'int4', 'int16', 'none', 'calibrated'] as const;
/** Formats that are handled by the same code as others need not be tried on every server. */
const EVERYWHERE = ['int8', 'none'] as const;

for (const { name, why, open } of everyPostgres()) {
  describe(name, () => {
    let database: Database;
    beforeAll(async () => {
      if (why === undefined) database = await open();
    });
    afterAll(async () => {
      await database?.close();
    });

    for (const copy of name.startsWith('native') ? COPIES : EVERYWHERE) {
      test(`${copy}: a table is shrunk, verified, followed and searched in SQL`, async (context) => {
        context.skip(why !== undefined, why);
        const { pool } = database;
        const type = database.pgvector ? `vector(${WIDTH})` : 'real[]';
        const { vectors } = await makeTable(pool, 'docs', ROWS, { type });
        const shrink = new Shrink(pool, { table: 'docs', column: 'embedding' });
        await shrink.start({ copy });
        expect(await wrongCodes(pool, 'docs', 'docs', type)).toEqual([]);
        expect(await shrink.verify({ queries: 20 })).toMatchObject({ ok: true, parity: { right: ROWS } });
        const store = await PgStore.open(pool, { name: 'docs' });
        expect(store.codec.settings.copy).toBe(copy);
        for (let row = 0; row < 50; row++)
          await pool.query('update docs set embedding = $1 where id = $2', [
            freshLiteral(row, type),
            row * 7,
          ]);
        await pool.query('delete from docs where id = 999');
        const { worker, errors } = await openWorker(pool, 'docs');
        await worker.drain();
        await worker.stop();
        expect(errors).toEqual([]);
        expect(await wrongCodes(pool, 'docs', 'docs', type)).toEqual([]);

        const { view, search } = await shrink.cutover();
        const columns = copy === 'calibrated' ? 'int8' : copy === 'none' ? undefined : 'copy';
        const same = columns === undefined ? 'true' : `f.${columns} = v.${columns}`;
        const found = await pool.query(
          `select f.id, f.scalars = v.scalars and ${same} as same from ${view} v, ${search}(v.bits, 3) f where v.id = 1234 limit 1`,
        );
        expect(found.rows).toEqual([{ id: '1234', same: true }]);

        const memory = new MemoryStore({ codec: store.codec });
        for await (const batch of store.rows()) await memory.upsert({ ids: batch.ids, codes: batch.codes });
        const [own] = await store.search(vectors.subarray(WIDTH, 2 * WIDTH), { exact: true, k: 1 });
        const [wanted] = await memory.search(vectors.subarray(WIDTH, 2 * WIDTH), { k: 1 });
        expect(own).toEqual(wanted);
        expect(own[0].id).toBe(1n);
        await shrink.rollback();
        await pool.query('drop table docs');
      });
    }
  });
}
