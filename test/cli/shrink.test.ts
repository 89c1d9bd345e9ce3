import { join } from 'node:path';
import { openPglite } from '@nestbit/pg-adapter/pglite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { nestbit } from '../support/nestbit.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { makeTable, WIDTH } from '../support/shrink-table.ts';

const ROWS = 1000;
const folder = temporaryFolder();

for (const { name, why, open } of everyPostgres()) {
  // The distribution's server adds nothing here.
  if (name === 'distribution') continue;
  describe(name, () => {
    let database: Database | undefined;
    let url: string;
    beforeAll(async () => {
      if (why !== undefined) return;
      if (name !== 'PGlite') {
        database = await open();
        url = database.url as string;
        await makeTable(database.pool, 'docs', ROWS, { type: `vector(${WIDTH})` });
        return;
      }
      // The command line opens the folder by itself.
      const lite = await openPglite(join(folder, 'lite'));
      await makeTable(lite.pool, 'docs', ROWS, { type: `vector(${WIDTH})` });
      await lite.close();
      url = `pglite:${join(folder, 'lite')}`;
    });
    afterAll(async () => {
      await database?.close();
    });

    test('plan, start, status, pause, resume, verify, cutover and rollback work on it', async (context) => {
      context.skip(why !== undefined, why);
      const shrink = (step: string, ...args: string[]): ReturnType<typeof nestbit> =>
        nestbit('shrink', step, url, '--table', 'docs', '--column', 'embedding', ...args);
      const json = async (step: string, ...args: string[]): Promise<Record<string, unknown>> => {
        const { status, out, err } = await shrink(step, '--json', ...args);
        expect({ status, err }).toEqual({ status: 0, err: '' });
        return JSON.parse(out);
      };
      expect(await shrink('status')).toMatchObject({
        status: 1,
        err: expect.stringMatching(/STORE_NOT_FOUND.*shrink start/),
      });
      expect(await json('plan', '--dimensions', '32')).toMatchObject({
        rows: ROWS,
        dimensions: { kept: 32 },
      });
      const plan = await shrink('plan');
      expect(plan.out).toMatch(/rows: 1,000;[\s\S]*SHARE ROW EXCLUSIVE[\s\S]*create index concurrently/);
      expect(await json('start', '--workers', '1')).toMatchObject({
        phase: 'ready',
        backfill: { encoded: ROWS },
      });
      expect(await json('pause')).toMatchObject({ paused: true });
      expect(await json('resume')).toMatchObject({ paused: false });
      expect((await shrink('status')).out).toMatch(/^docs: ready\nrows: 1,000 of 1,000;[\s\S]*index: hnsw/);
      expect(await json('verify', '-k', '5', '--queries', '20')).toMatchObject({
        ok: true,
        recall: { k: 5, codes: { queries: 20 } },
      });
      expect((await shrink('cutover')).out).toMatch(
        /"nestbit"."docs_find"\(bits, candidates\)[\s\S]*drop column "embedding"/,
      );
      // The store alone, and the table with its schema.
      const byStore = await nestbit('shrink', 'status', url, '--store', 'docs', '--json');
      expect(JSON.parse(byStore.out)).toMatchObject({ name: 'docs', phase: 'cutover', triggers: [] });
      const byTable = ['--table', 'public.docs', '--column', 'embedding'];
      expect(await nestbit('shrink', 'status', url, ...byTable)).toMatchObject({ status: 0 });
      expect(await nestbit('sync', url, '--table', 'public.docs', '--once')).toMatchObject({ status: 0 });
      const rollback = await nestbit('shrink', 'rollback', url, '--store', 'docs', '--json');
      expect(JSON.parse(rollback.out)).toEqual({ found: true, store: 'dropped' });
    });
  });
}

test('a place that is no Postgres, a missing table option and a bad number are bad usage', async () => {
  expect(await nestbit('shrink', 'plan', 'faiss:x', '--table', 't', '--column', 'c')).toMatchObject({
    status: 2,
  });
  expect(await nestbit('shrink', 'plan', 'pglite:x')).toMatchObject({
    status: 2,
    err: expect.stringContaining('--table'),
  });
  expect(
    await nestbit('shrink', 'start', 'pglite:x', '--table', 't', '--column', 'c', '--rate', 'much'),
  ).toMatchObject({ status: 2 });
});
