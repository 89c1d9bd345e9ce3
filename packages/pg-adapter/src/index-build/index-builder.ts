import { setTimeout as sleep } from 'node:timers/promises';
import { NestbitError, outOfRange, throwIfAborted } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import { checkout } from '../connection/checkout.ts';
import { hasOneConnection } from '../connection/one-connection.ts';
import type { Tables } from '../schema/tables.ts';
import { translated } from '../sql/failures.ts';
import { qualified, quoted } from '../sql/identifiers.ts';
import { type Server, serverOf } from './server.ts';

/** The kind of index on bits, with pgvector. */
export type PgIndex =
  | {
      readonly kind: 'hnsw';
      /** Links a row; at most twice as many on the lowest level. Default 12. */
      readonly m?: number;
      /** Beam width while building. Default 56. */
      readonly efConstruction?: number;
    }
  | {
      readonly kind: 'ivfflat';
      /** Inverted lists; about √rows. */
      readonly lists: number;
    };

/** The index as it stands. */
export interface IndexState {
  readonly kind: 'hnsw' | 'ivfflat';
  readonly valid: boolean;
  readonly bytes: number;
}

export interface IndexProgress {
  readonly signal?: AbortSignal | undefined;
  /** Called about twice a second: what Postgres says it is doing, and how much of it is done, 0 to 1. */
  readonly onProgress?: ((phase: string, done: number) => void) | undefined;
}

/** The index of a store, or nothing. */
export async function indexState(pool: Pool, tables: Tables): Promise<IndexState | undefined> {
  const { rows } = await pool.query<{ kind: string; valid: boolean; bytes: string }>(
    `select am.amname as kind, i.indisvalid and i.indisready as valid, pg_relation_size(c.oid) as bytes
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     join pg_index i on i.indexrelid = c.oid
     join pg_am am on am.oid = c.relam
     where n.nspname = $1 and c.relname = $2`,
    [tables.index.schema, tables.index.name],
  );
  const [row] = rows;
  if (row === undefined || (row.kind !== 'hnsw' && row.kind !== 'ivfflat')) return undefined;
  return { kind: row.kind, valid: row.valid, bytes: Number(row.bytes) };
}

/**
 * Builds the index without locking writers out (`create index concurrently`). One that an earlier try left invalid,
 * or of another kind, is dropped first; afterwards it is checked, since Postgres can leave an invalid one.
 *
 * @throws NestbitError `INDEX_INVALID`, `TIMEOUT`, `DATABASE_FULL`, `ABORTED`
 */
export async function buildIndex(
  pool: Pool,
  tables: Tables,
  index: PgIndex,
  options: IndexProgress,
): Promise<void> {
  const before = await indexState(pool, tables);
  if (before?.valid === true && before.kind === index.kind) return;
  const { client, release } = await checkout(pool);
  const ended = new AbortController();
  try {
    if (before !== undefined)
      await client.query(`drop index concurrently if exists ${qualified(tables.index)}`);
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const watching = watch(pool, rows[0].pid, options, ended.signal);
    const statement = createIndex(tables, index, await serverOf(client));
    await client.query(statement).finally(() => ended.abort());
    await watching;
  } catch (error) {
    throwIfAborted(options.signal);
    throw translated(error);
  } finally {
    ended.abort();
    release();
  }
  if ((await indexState(pool, tables))?.valid === true) return;
  throw new NestbitError(
    'INDEX_INVALID',
    `Postgres left the index ${tables.index.name} invalid without an error; call buildIndex again, which builds it anew.`,
  );
}

/** The statement itself, for plans and logs. */
export function createIndex(tables: Tables, index: PgIndex, server: Server): string {
  return `create index concurrently ${quoted(tables.index.name)} on ${qualified(tables.bits)} ${definition(index, server)}`;
}

/** The same index on another table with a column `bits`, which others are kept from meanwhile. */
export function createIndexOn(table: string, index: PgIndex, server: Server): string {
  return `create index on ${table} ${definition(index, server)}`;
}

/**
 * Less than pgvector's own 16 and 64, in three quarters of the time; searched by a wider beam (`beam`), it finds about
 * as much (`bench:postgres`, and with `--m 16 --ef-construction 64`).
 */
export const HNSW = { m: 12, efConstruction: 56 };

function definition(index: PgIndex, { extension }: Server): string {
  const options =
    index.kind === 'hnsw'
      ? `m = ${whole('m', index.m ?? HNSW.m)}, ef_construction = ${whole('efConstruction', index.efConstruction ?? HNSW.efConstruction)}`
      : `lists = ${whole('lists', index.lists)}`;
  return `using ${index.kind} (bits ${extension === '' ? '' : `${extension}.`}bit_hamming_ops) with (${options})`;
}

function whole(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0 && value <= 32_768) return value;
  throw outOfRange(`${name} is ${value}; it must be a whole number from 1 to 32768`);
}

// Tells how far the build is, and cancels it when the caller stops. A pool of one connection tells nothing.
async function watch(
  pool: Pool,
  pid: number,
  { signal, onProgress }: IndexProgress,
  ended: AbortSignal,
): Promise<void> {
  if (hasOneConnection(pool) || (onProgress === undefined && signal === undefined)) return;
  while (!ended.aborted) {
    await sleep(500, undefined, { signal: ended }).catch(() => {});
    if (ended.aborted) return;
    await look(pool, pid, signal, onProgress).catch(() => {});
  }
}

async function look(
  client: Pool | PoolClient,
  pid: number,
  signal: AbortSignal | undefined,
  onProgress: IndexProgress['onProgress'],
): Promise<void> {
  if (signal?.aborted === true) await client.query('select pg_cancel_backend($1)', [pid]);
  const { rows } = await client.query<{ phase: string; done: number | null }>(
    `select phase, coalesce(tuples_done / nullif(tuples_total, 0)::float8, blocks_done / nullif(blocks_total, 0)::float8) as done
     from pg_stat_progress_create_index where pid = $1`,
    [pid],
  );
  // The total is an estimate.
  if (rows[0] !== undefined) onProgress?.(rows[0].phase, Math.min(1, rows[0].done ?? 0));
}
