import { NestbitError } from '@nestbit/core';
import type { Pool } from 'pg';
import { isPglite } from '../connection/copies.ts';
import { copyReader } from '../connection/own-client.ts';
import { translated } from '../sql/failures.ts';

/** First key of the advisory locks of migrations; the second is a hash of schema and store. */
const CLASS = 1_852_142_452;
const KEY = `hashtext($1 || '.' || $2)`;

/** The right to work on a migration: one process at a time has it, for as long as its session lives. */
export interface MigrationLock extends AsyncDisposable {
  /** Fires when the session that holds it ends. */
  readonly lost: AbortSignal;
}

/** @throws NestbitError `STORE_LOCKED` while another process has it */
export async function lockMigration(pool: Pool, schema: string, name: string): Promise<MigrationLock> {
  const lost = new AbortController();
  // One process, one connection: nobody else can be there.
  if (isPglite(pool)) return { lost: lost.signal, [Symbol.asyncDispose]: async () => {} };
  // Beside those of the pool, which may have one alone.
  const { client, release } = await copyReader(pool).catch((error) => {
    throw translated(error);
  });
  let ended = false;
  client.once('end', () => {
    if (!ended) lost.abort(new Error('the session that holds the lock of the migration ended'));
    ended = true;
  });
  const end = (): void => {
    ended = true;
    release();
  };
  try {
    const { rows } = await client.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(${CLASS}, ${KEY}) as locked`,
      [schema, name],
    );
    if (!rows[0].locked) {
      throw new NestbitError(
        'STORE_LOCKED',
        `Another process works on the migration of ${name}${await holder(pool, schema, name)}. Wait for it, pause it, ` +
          'or end it; its lock ends with its session.',
      );
    }
  } catch (error) {
    end();
    throw translated(error);
  }
  return {
    lost: lost.signal,
    [Symbol.asyncDispose]: async () => {
      // The lock is free by the time that this returns, not only when the server has seen the connection end.
      if (!ended)
        await client.query(`select pg_advisory_unlock(${CLASS}, ${KEY})`, [schema, name]).catch(() => {});
      end();
    },
  };
}

/** The session that has the lock, or nothing. */
export async function migrationSession(
  pool: Pool,
  schema: string,
  name: string,
): Promise<{ readonly pid: number; readonly from: string | null; readonly application: string } | undefined> {
  const { rows } = await pool.query<{ pid: number; from: string | null; application: string }>(
    `select l.pid, host(a.client_addr) as from, coalesce(a.application_name, '') as application
     from pg_locks l left join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.classid::int8 = ${CLASS}
       and l.objid::int8 = (${KEY}::int8 & 4294967295)
       and l.database = (select oid from pg_database where datname = current_database())`,
    [schema, name],
  );
  return rows[0];
}

async function holder(pool: Pool, schema: string, name: string): Promise<string> {
  const session = await migrationSession(pool, schema, name).catch(() => undefined);
  return session === undefined
    ? ''
    : ` (its session has pid ${session.pid}${session.from === null ? '' : `, from ${session.from}`})`;
}
