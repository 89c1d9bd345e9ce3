import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import { vector } from '@electric-sql/pglite-pgvector';
import pg from 'pg';

/** Postgres in this process, and a pool that reaches it. */
export interface OpenPglite extends AsyncDisposable {
  /** One connection, as PGlite has; calls wait for each other. */
  readonly pool: pg.Pool;
  readonly pglite: PGlite;
  close(): Promise<void>;
}

/**
 * Opens PGlite with pgvector on a folder, which is made when it is missing, or in memory without one. One process at a
 * time. It starts in seconds and takes about half a gigabyte of memory; it does not sync, so a power cut may lose
 * what was acknowledged, the end of the process does not.
 */
export async function openPglite(folder?: string): Promise<OpenPglite> {
  if (folder !== undefined) mkdirSync(dirname(folder), { recursive: true });
  const pglite = await PGlite.create({
    ...(folder !== undefined && { dataDir: folder }),
    extensions: { vector },
  });
  await pglite.exec('create extension if not exists vector');
  const config = createPgConfig(pglite);
  const pool = new pg.Pool({ ...config, max: 1 } as unknown as pg.PoolConfig);
  const close = async (): Promise<void> => {
    await pool.end();
    // The pool does not wait for its farewell, which PGlite cannot take once it is closed.
    config.connection.on('error', () => {});
    await setImmediate();
    await pglite.runExclusive(async () => {});
    await pglite.close();
  };
  return { pool, pglite, close, [Symbol.asyncDispose]: close };
}
