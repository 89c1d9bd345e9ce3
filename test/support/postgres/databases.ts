import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPglite } from '@nestbit/pg-adapter/pglite';
import pg from 'pg';
import { inject } from 'vitest';

/** A fresh database for a test file. */
export interface Database {
  readonly pool: pg.Pool;
  /** Absent for PGlite. */
  readonly url: string | undefined;
  readonly pgvector: boolean;
  close(): Promise<void>;
}

/** A kind of Postgres that a test can run on. */
export interface Postgres {
  readonly name: string;
  /** Why it cannot be had; absent when it can. */
  readonly why: string | undefined;
  open(): Promise<Database>;
}

/** Every kind: those of the run, and PGlite. */
export function everyPostgres(): Postgres[] {
  const servers = inject('postgres').map(
    ({ name, url, why }): Postgres => ({ name, why, open: () => openDatabase(url as string) }),
  );
  // Docker and a given server are extra: what covers the rest is the native one.
  return [
    ...servers.filter(({ name, why }) => why === undefined || !['given', 'Docker'].includes(name)),
    pglite,
  ];
}

/** The first with pgvector, PGlite last. */
export function oneWithVector(): Postgres {
  const servers = everyPostgres().filter(({ name, why }) => why === undefined && name !== 'distribution');
  return servers[0];
}

const pglite: Postgres = {
  name: 'PGlite',
  why: undefined,
  open: async () => {
    const { pool, close } = await openPglite();
    return { pool, url: undefined, pgvector: true, close };
  },
};

async function openDatabase(server: string): Promise<Database> {
  const name = `nestbit_test_${randomBytes(6).toString('hex')}`;
  await once(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 8 });
  // Servers that tests stop end idle connections too.
  pool.on('error', () => {});
  const pgvector = await pool.query('create extension vector').then(
    () => true,
    () => false,
  );
  const close = async (): Promise<void> => {
    await pool.end();
    await gone(server, name);
    await once(server, `drop database ${name} with (force)`).catch(() => {});
  };
  return { pool, url: url.href, pgvector, close };
}

// A pool has ended before the sessions of its connections have: ending these by force would be an error of the pool.
async function gone(server: string, name: string): Promise<void> {
  const client = new pg.Client(server);
  try {
    await client.connect();
    for (let tries = 0; tries < 100; tries++) {
      const { rowCount } = await client.query('select from pg_stat_activity where datname = $1', [name]);
      if (rowCount === 0) return;
      await sleep(20);
    }
  } catch {
    // The test has stopped the server.
  } finally {
    await client.end().catch(() => {});
  }
}

async function once(server: string, statement: string): Promise<void> {
  const client = new pg.Client(server);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
