import { type Codec, NestbitError, wrongType } from '@nestbit/core';
import type { Pool } from 'pg';
import { transaction } from '../connection/transaction.ts';
import { serverOf } from '../index-build/server.ts';
import { migrate } from '../migrations/migrate.ts';
import { createStore, readStore } from '../schema/registry.ts';
import type { IdType } from '../schema/tables.ts';
import { translated } from '../sql/failures.ts';
import { OpenedStore } from './opened-store.ts';

/** A pool of `pg`, also one over PGlite. */
export type PgPool = Pool;

export interface OpenOptions {
  /** Name of the store; its table has the same. At most 58 bytes. */
  readonly name: string;
  /** Schema of nestbit's tables. Default `nestbit`. */
  readonly schema?: string;
  /** Refuse a store of another codec. */
  readonly codec?: Codec;
  /** A pool for searches and reads, of a replica say; it may lag behind. Default: the pool itself. */
  readonly readPool?: PgPool;
}

export interface CreateOptions extends OpenOptions {
  readonly codec: Codec;
  /** Type of the ids: bigints, UUIDs or any text of up to 512 bytes. Default `text`. */
  readonly idType?: IdType;
}

export const SCHEMA = 'nestbit';

export async function createAndOpen(pool: PgPool, options: CreateOptions): Promise<OpenedStore> {
  const { name, codec, idType = 'text', schema = SCHEMA } = options;
  checkOptions(options);
  if (!['bigint', 'uuid', 'text'].includes(idType)) throw wrongType('idType must be bigint, uuid or text');
  await prepare(pool, schema);
  await transaction(pool, (client) =>
    createStore(client, schema, { name, idType, codec, source: undefined }),
  );
  return await openExisting(pool, options);
}

export async function openExisting(pool: PgPool, options: OpenOptions): Promise<OpenedStore> {
  const { name, codec, schema = SCHEMA, readPool = pool } = options;
  checkOptions(options);
  const record = await readStore(pool, schema, name);
  if (record === undefined) {
    throw new NestbitError(
      'STORE_NOT_FOUND',
      `There is no store ${JSON.stringify(name)} in the schema ${schema}; make it with PgStore.create or PgStore.attach.`,
    );
  }
  checkCodec(codec, record.codec, name);
  const server = await serverOf(readPool).catch((error) => {
    throw translated(error);
  });
  return new OpenedStore({ pool, readPool, schema, record, server });
}

/** Brings the schema up to date and checks the server. */
export async function prepare(pool: PgPool, schema: string): Promise<void> {
  try {
    await serverOf(pool);
    await migrate(pool, schema);
  } catch (error) {
    throw translated(error);
  }
}

/** @throws NestbitError `CODEC_MISMATCH` */
export function checkCodec(wanted: Codec | undefined, stored: Codec, name: string): void {
  if (wanted === undefined || wanted.fingerprint === stored.fingerprint) return;
  throw new NestbitError(
    'CODEC_MISMATCH',
    `The store ${name} has the codec ${stored.fingerprint} (${stored.dimensions} dimensions), ${wanted.fingerprint} ` +
      `(${wanted.dimensions}) was given. Open it without codec, or make another store.`,
  );
}

function checkOptions({ name, schema = SCHEMA }: OpenOptions): void {
  if (typeof name !== 'string') throw wrongType(`name must be text, got ${typeof name}`);
  if (typeof schema !== 'string') throw wrongType(`schema must be text, got ${typeof schema}`);
}
