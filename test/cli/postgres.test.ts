import { join } from 'node:path';
import { type Evaluation, NpyWriter } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { nestbit } from '../support/nestbit.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';

const WIDTH = 64;
const ROWS = 3000;
const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const all = clusteredVectors(ROWS + 20, WIDTH, 30);

async function npy(name: string, values: Float32Array): Promise<void> {
  const writer = await NpyWriter.create(path(name), 'float32', WIDTH);
  await writer.append(values);
  await writer.commit();
}

beforeAll(async () => {
  await npy('docs.npy', all.slice(0, ROWS * WIDTH));
  await npy('queries.npy', all.slice(ROWS * WIDTH));
});

for (const { name, why, open } of everyPostgres()) {
  describe(name, () => {
    let database: Database | undefined;
    let uri: string;
    beforeAll(async () => {
      if (why !== undefined) return;
      // The command line opens PGlite on a folder by itself.
      if (name !== 'PGlite') database = await open();
      uri = `${database?.url ?? `pglite:${path('lite')}`}#My%20docs`;
    });
    afterAll(async () => {
      await database?.close();
    });

    test('ingest, search, stats and evaluate work on it', async (context) => {
      context.skip(why !== undefined, why);
      const made = await nestbit('ingest', path('docs.npy'), '--store', uri, '--json');
      expect(made).toMatchObject({ status: 0, err: '' });
      expect(JSON.parse(made.out)).toMatchObject({ rows: ROWS });
      const asked = await nestbit(
        'search',
        '--store',
        uri,
        '--queries',
        path('docs.npy'),
        '-k',
        '1',
        '--json',
      );
      const lines = asked.out.trim().split('\n');
      expect(lines).toHaveLength(ROWS);
      const own = lines.filter((line, row) => JSON.parse(line).hits[0].id === String(row)).length;
      expect(own).toBeGreaterThan(0.98 * ROWS);
      const stats = JSON.parse((await nestbit('stats', '--store', uri, '--json')).out);
      expect(stats).toMatchObject({ rows: ROWS, codec: { dimensions: WIDTH } });
      expect(stats.index?.kind).toBe(name === 'distribution' ? null : 'hnsw');
      const args = ['--queries', path('queries.npy'), '--exact', path('docs.npy'), '--json'];
      const { results } = JSON.parse((await nestbit('evaluate', '--store', uri, ...args)).out) as Evaluation;
      expect(results.map(({ stage }) => stage)).toEqual(['hamming', 'refine', 'rescore']);
      expect(results[2].recall).toBeGreaterThan(0.9);
    });
  });
}

test('URIs without a name or a folder are bad usage, and so is compact of a store in Postgres', async () => {
  for (const store of ['pglite:x', 'pglite:#x', 'postgres://localhost/x']) {
    const run = await nestbit('stats', '--store', store);
    expect(run).toMatchObject({ status: 2, err: expect.stringContaining('USAGE') });
  }
  expect(await nestbit('compact', '--store', 'pglite:x#y')).toMatchObject({ status: 2 });
});

test('a database that is not there is an error that says so', async () => {
  const run = await nestbit('stats', '--store', 'postgres://postgres@127.0.0.1:1/none#x');
  expect(run).toMatchObject({ status: 1, err: expect.stringMatching(/CONNECTION_LOST.*ECONNREFUSED/) });
});
