import { Encoder } from '@nestbit/core/onnx';
import { followTexts, PgStore, Shrink, type TextEncoder } from '@nestbit/pg-adapter';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { type Database, everyPostgres } from '../support/postgres/databases.ts';
import { noDump, schemaDump } from '../support/postgres/schema-dump.ts';
import { openWorker } from '../support/sync-table.ts';
import { tinyModel } from '../support/tiny-model.ts';
import { WORDS } from '../support/tiny-onnx.ts';
import { randomVectors } from '../support/vectors.ts';

/** An encoder whose embeddings tell the text, and which counts and can fail. */
class Letters implements TextEncoder {
  readonly dimensions = 16;
  readonly identity: string;
  readonly seen: string[] = [];
  fails: (text: string) => boolean = () => false;

  constructor(identity = 'letters@1') {
    this.identity = identity;
  }

  async encode(texts: readonly string[]): Promise<Float32Array> {
    const failing = texts.find((text) => this.fails(text));
    if (failing !== undefined) throw new Error(`no embedding of ${failing}`);
    this.seen.push(...texts);
    const out = new Float32Array(texts.length * 16);
    for (const [row, text] of texts.entries()) out.set(lettersOf(text), row * 16);
    return out;
  }
}

function lettersOf(text: string): Float32Array {
  let seed = 7;
  for (const letter of text) seed = (seed * 31 + (letter.codePointAt(0) as number)) | 0;
  return randomVectors(1, 16, seed);
}

async function articles(pool: Pool, table: string, rows: number): Promise<void> {
  await pool.query(
    `create table ${table} (id uuid primary key default gen_random_uuid(), number int, body text)`,
  );
  await pool.query(
    `insert into ${table} (number, body) select i, 'text ' || i from generate_series(1, ${rows}) i`,
  );
}

/** What is wrong with the codes of a table of texts. */
async function wrongTexts(pool: Pool, table: string): Promise<string[]> {
  const store = await PgStore.open(pool, { name: table });
  const { rows } = await pool.query<{ id: string; body: string | null }>(`select id, body from ${table}`);
  const texts = rows.filter(({ body }) => body !== null && body.trim() !== '');
  const stored = await store.get(rows.map(({ id }) => id));
  const wrong = rows.filter(({ body }, i) => {
    if (body === null || body.trim() === '') return stored[i] !== undefined;
    const { bits, copies } = store.codec.encode(lettersOf(body));
    const own = stored[i];
    return own === undefined || !Buffer.from(bits).equals(own.bits) || Buffer.compare(copies, own.copy) !== 0;
  });
  const { rows: count } = await pool.query(`select count(*)::int as n from nestbit."${table}"`);
  return count[0].n === texts.length
    ? wrong.map(({ id }) => id)
    : [...wrong.map(({ id }) => id), `${count[0].n} codes`];
}

for (const { name, why, open } of everyPostgres()) {
  describe(name, () => {
    let database: Database;
    let pool: Pool;
    beforeEach((context) => context.skip(why !== undefined, why));
    beforeAll(async () => {
      if (why !== undefined) return;
      database = await open();
      pool = database.pool;
    });
    afterAll(async () => {
      await database?.close();
    });

    test('a table of texts gets its codes, and unchanged texts are not encoded again', async () => {
      await articles(pool, 'papers', 150);
      await pool.query(`insert into papers (body) values (null), (''), ('   ')`);
      const encoder = new Letters();
      await followTexts(pool, { table: 'papers', column: 'body', encoder, sample: 100 });
      encoder.seen.length = 0;
      const { worker } = await openWorker(pool, 'papers', { encoder, batch: 32 });
      expect(await worker.drain()).toMatchObject({ written: 150, unchanged: 0 });
      expect(encoder.seen).toHaveLength(150);
      expect(await wrongTexts(pool, 'papers')).toEqual([]);
      // Set up once more: nothing to do.
      await followTexts(pool, { table: 'papers', column: 'body', encoder });
      expect((await worker.metrics()).queue.depth).toBe(0);
      encoder.seen.length = 0;
      await pool.query(
        `update papers set body = body || '!' where number = 1; update papers set body = 'text 2' where number = 2`,
      );
      await pool.query(`update papers set body = 'x' where number = 3`);
      await pool.query(
        `update papers set body = 'text 3' where number = 3; update papers set body = ' ' where number = 4`,
      );
      await pool.query(`delete from papers where number = 5`);
      expect(await worker.drain()).toMatchObject({ written: 151, unchanged: 1, removed: 2 });
      expect(encoder.seen).toEqual(['text 1!']);
      expect(await wrongTexts(pool, 'papers')).toEqual([]);
      expect(await refusal(() => openWorker(pool, 'papers', { encoder: new Letters('letters@2') }))).toMatch(
        /^CODEC_MISMATCH: .*letters@1.*letters@2/,
      );
    });

    test('texts that make the encoder fail are set aside alone, with their error, and come back when asked', async () => {
      await articles(pool, 'poison', 100);
      const encoder = new Letters();
      await followTexts(pool, { table: 'poison', column: 'body', encoder });
      encoder.fails = (text) => text.endsWith('17') || text.endsWith('71');
      const { worker, errors } = await openWorker(pool, 'poison', { encoder, batch: 50, maxAttempts: 4 });
      expect(await worker.drain()).toMatchObject({ written: 98, setAside: 2 });
      const { queue } = await worker.metrics();
      expect(queue).toMatchObject({ depth: 0, setAsideCount: 2 });
      expect(queue.setAside.map(({ error }) => error).sort()).toEqual([
        'no embedding of text 17',
        'no embedding of text 71',
      ]);
      expect(errors.length).toBeGreaterThan(3);
      // A change puts one back by itself.
      await pool.query(`update poison set body = 'text 16' where number = 17`);
      expect(await worker.drain()).toMatchObject({ written: 99 });
      encoder.fails = () => false;
      expect(await worker.retry()).toBe(1);
      await worker.drain();
      expect((await worker.metrics()).queue).toMatchObject({ depth: 0, setAsideCount: 0 });
      expect(await wrongTexts(pool, 'poison')).toEqual([]);
    });

    test('an outage of the encoding service counts against no row', async () => {
      await articles(pool, 'away', 40);
      const encoder = new Letters();
      await followTexts(pool, { table: 'away', column: 'body', encoder });
      let calls = 0;
      const service: TextEncoder = {
        dimensions: 16,
        identity: encoder.identity,
        encode: async (texts) => {
          if (++calls < 4)
            throw new TypeError('fetch failed', {
              cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
            });
          return await encoder.encode(texts);
        },
      };
      const { worker } = await openWorker(pool, 'away', { encoder: service, maxAttempts: 1, concurrency: 1 });
      worker.start();
      while (worker.counts.written < 40) await new Promise((resolve) => setTimeout(resolve, 20));
      await worker.stop();
      expect(worker.counts).toMatchObject({ setAside: 0, failed: 0, outages: 3 });
    });

    test('a stop that the encoder would hold up gives the claims back', async () => {
      await articles(pool, 'stopped', 20);
      const encoder = new Letters();
      await followTexts(pool, { table: 'stopped', column: 'body', encoder });
      const stuck: TextEncoder = {
        dimensions: 16,
        identity: encoder.identity,
        encode: (_texts, { signal }) =>
          new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
      };
      const { worker } = await openWorker(pool, 'stopped', { encoder: stuck });
      worker.start();
      while ((await worker.metrics()).queue.claimed === 0)
        await new Promise((resolve) => setTimeout(resolve, 10));
      await worker.stop({ graceMs: 50 });
      expect((await worker.metrics()).queue).toMatchObject({ depth: 20, claimed: 0, retrying: 0 });
    });
  });
}

test('a real encoder fills a store that is then searched by text, until a rollback leaves no trace', async () => {
  const database = await everyPostgres()
    .filter(({ why }) => why === undefined)[0]
    .open();
  const { pool } = database;
  await pool.query('create table words (id int primary key, word text)');
  const before = dumped(database);
  const encoder = await Encoder.open(tinyModel, { workers: 1 });
  const words = WORDS.filter((word) => /^[a-z]+$/.test(word));
  await pool.query('insert into words select o, w from unnest($1::text[]) with ordinality u(w, o)', [words]);
  await followTexts(pool, { table: 'words', column: 'word', columns: ['word'], encoder });
  const { worker } = await openWorker(pool, 'words', { encoder });
  expect(await worker.drain()).toMatchObject({ written: words.length, failed: 0 });
  const store = await PgStore.open(pool, { name: 'words' });
  const [hits] = await store.search(await encoder.encode([words[1]]), { k: 1, payloads: true });
  expect(hits[0].payload).toEqual({ word: words[1] });
  const shrink = new Shrink(pool, { table: 'words', column: 'word' });
  expect(await shrink.rollback()).toEqual({ found: true, store: 'dropped' });
  expect(dumped(database)).toBe(before);
  const { rows } = await pool.query(
    `select to_regnamespace('nestbit') as schema, (select count(*)::int from pg_trigger where tgrelid = 'words'::regclass) as triggers`,
  );
  expect(rows).toEqual([{ schema: null, triggers: 0 }]);
  await encoder.close();
  await database.close();
});

/** Where pg_dump is to be had. */
function dumped({ url }: Database): string | undefined {
  return url === undefined || noDump !== undefined ? undefined : schemaDump(url);
}
