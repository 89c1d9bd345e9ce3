import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import pg from 'pg';
import { pgliteClients } from './bridge.ts';
import { lockFolder } from './folder-lock.ts';

/** What a client needs to be told, and PGlite does not look at. */
const IDENTITY = { user: 'postgres', password: 'none', database: 'postgres', host: 'localhost', port: 5432 };

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
 *
 * @throws NestbitError `STORE_LOCKED` while another process, or this one, has the folder open
 */
export async function openPglite(folder?: string): Promise<OpenPglite> {
  if (folder !== undefined) mkdirSync(dirname(folder), { recursive: true });
  const unlock = folder === undefined ? () => {} : lockFolder(folder);
  const pglite = await started(folder).catch((error: unknown) => {
    unlock();
    throw error;
  });
  const { Client, ended } = pgliteClients(pglite);
  const pool = new pg.Pool({ ...IDENTITY, Client, max: 1, pglite: true } as unknown as pg.PoolConfig);
  // Without a listener an idle client that fails would end the process.
  pool.on('error', () => {});
  const close = async (): Promise<void> => {
    await pool.end();
    // The pool does not wait for its farewell, which PGlite cannot take once it is closed.
    await ended();
    await pglite.close();
    unlock();
  };
  return { pool, pglite, close, [Symbol.asyncDispose]: close };
}

async function started(folder: string | undefined): Promise<PGlite> {
  const pglite = await PGlite.create({
    ...(folder !== undefined && { dataDir: folder }),
    extensions: { vector },
  });
  await pglite.exec('create extension if not exists vector');
  return pglite;
}
