import { NestbitError } from '@nestbit/core';
import { type PgPool, PgStore, reusingSocket } from '@nestbit/pg-adapter';
import pg from 'pg';
import { redacted } from '../redact.ts';
import type { IndexKind, NewStore, OpenedStore } from './opened.ts';

const SCHEMES = /^(pglite:|postgres:\/\/|postgresql:\/\/)/;

export function isPostgres(uri: string): boolean {
  return SCHEMES.test(uri);
}

interface Connection {
  readonly pool: PgPool;
  readonly name: string;
  close(): Promise<void>;
}

/** @param index wanted where none is there yet */
export async function openPostgres(uri: string, index: IndexKind | undefined): Promise<OpenedStore> {
  return await withConnection(uri, async (connection) => {
    const { pool, name } = connection;
    return opened(await PgStore.open(pool, { name }), connection, index);
  });
}

export async function createPostgres(
  uri: string,
  { index, numbered, codec }: NewStore,
): Promise<OpenedStore> {
  return await withConnection(uri, async (connection) => {
    const { pool, name } = connection;
    const idType = numbered ? 'bigint' : 'text';
    return opened(await PgStore.create(pool, { name, codec: await codec(), idType }), connection, index);
  });
}

/** `pglite:PATH#STORE` or `postgres://…#STORE`. @throws NestbitError `USAGE` */
async function connect(uri: string): Promise<Connection> {
  // The last one: a password may hold others.
  const hash = uri.lastIndexOf('#');
  const name = hash < 0 ? '' : decoded(uri.slice(hash + 1));
  const place = hash < 0 ? uri : uri.slice(0, hash);
  if (name === '') {
    const example = uri.startsWith('pglite:') ? 'pglite:PATH#STORE' : 'postgres://host/database#STORE';
    throw new NestbitError(
      'USAGE',
      `The store ${JSON.stringify(redacted(place))} lacks its name; write ${example}.`,
    );
  }
  return { ...(await connectTo(place)), name };
}

/** A pool on `pglite:PATH` or `postgres://…`. @throws NestbitError `USAGE` */
export async function connectTo(place: string): Promise<Omit<Connection, 'name'>> {
  if (place.startsWith('pglite:')) {
    const path = place.slice('pglite:'.length);
    if (path === '') throw new NestbitError('USAGE', 'pglite: lacks its folder; write pglite:PATH#STORE.');
    // Loaded for this alone: it is large.
    const { openPglite } = await import('@nestbit/pg-adapter/pglite');
    const { pool, close } = await openPglite(path);
    return { pool, close };
  }
  if (!isPostgres(place))
    throw new NestbitError(
      'USAGE',
      `${redacted(place)} is no Postgres: write postgres://host/database or pglite:PATH.`,
    );
  checkUrl(place);
  const pool = new pg.Pool({ connectionString: place, application_name: 'nestbit', stream: reusingSocket });
  // Without a listener the end of an idle connection would end the process.
  pool.on('error', () => {});
  return { pool, close: () => pool.end() };
}

/** @throws NestbitError `USAGE` for what `pg` would read in another way, or not at all */
function checkUrl(place: string): void {
  const refuse = (why: string): NestbitError =>
    new NestbitError('USAGE', `The connection string ${redacted(place)} ${why}`);
  if (place.includes('#')) throw refuse('holds #; write it as %23 where a password has one.');
  const [authority] = place.replace(/^[a-z]+:\/\//, '').split(/[/?]/);
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(','))
    throw refuse('names several hosts; give one, such as that of the primary.');
  decoded(place);
}

/** @throws NestbitError `USAGE` */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new NestbitError(
      'USAGE',
      `${redacted(text)} holds a % that begins no character; write % itself as %25.`,
    );
  }
}

async function withConnection(
  uri: string,
  open: (connection: Connection) => Promise<OpenedStore>,
): Promise<OpenedStore> {
  const connection = await connect(uri);
  try {
    return await open(connection);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function opened(store: PgStore, connection: Connection, wanted: IndexKind | undefined): OpenedStore {
  return {
    store,
    attached: store.attached,
    rows: (options) => store.rows(options),
    stats: () => store.stats(),
    indexKind: async () => {
      const { index } = await store.stats();
      if (index?.valid !== true) return undefined;
      return index.kind === 'ivfflat' ? 'ivf' : index.kind;
    },
    index: async (signal) => {
      const { rows, index } = await store.stats();
      if (wanted === 'flat' || index?.valid === true) return;
      const kind =
        wanted === 'ivf'
          ? { kind: 'ivfflat' as const, lists: Math.max(1, Math.round(Math.sqrt(rows))) }
          : { kind: 'hnsw' as const };
      await store.buildIndex(kind, { signal }).catch((error) => {
        // Asked for by nobody: a server without pgvector scans.
        if (wanted !== undefined || !['EXTENSION_MISSING', 'SERVER_TOO_OLD'].includes(error.code))
          throw error;
      });
    },
    close: async () => {
      await store.close();
      await connection.close();
    },
  };
}
