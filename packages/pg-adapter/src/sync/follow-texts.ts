import { type Codec, calibrate, NestbitError, throwIfAborted } from '@nestbit/core';
import type { Pool } from 'pg';
import { databaseOf } from '../connection/database.ts';
import { transaction } from '../connection/transaction.ts';
import { followedSource, followRecord } from '../follow/following.ts';
import { installSync } from '../follow/install.ts';
import { refuseChildren } from '../follow/installed.ts';
import { prepareRegistry } from '../follow/registry.ts';
import { createShrink, readShrink, setPhase } from '../follow/state.ts';
import { enqueueMissing } from '../follow/sweep.ts';
import { createStore, readStore } from '../schema/registry.ts';
import { layoutFor } from '../schema/tables.ts';
import { describeSource } from '../source/describe.ts';
import { sourceSql } from '../source/read-by-ids.ts';
import { refuseHiddenRows } from '../source/row-security.ts';
import type { SourceTable } from '../source/source-table.ts';
import { resolveTable, type TableName } from '../source/table-name.ts';
import { translated } from '../sql/failures.ts';
import { quoted } from '../sql/identifiers.ts';
import { SCHEMA } from '../store/open-store.ts';
import type { TextEncoder } from './follow.ts';
import { checkEncoder } from './open-follow.ts';

export interface FollowTextsOptions {
  readonly table: string;
  /** Its schema. Default: the first of the search path that has the table. */
  readonly tableSchema?: string;
  /** Unique column. Default: the primary key. */
  readonly id?: string;
  /** The column of texts. */
  readonly column: string;
  /** Columns that hits bring along as their payload. Default none. */
  readonly columns?: readonly string[];
  readonly encoder: TextEncoder;
  /** Name of the prompt that is put before each text. */
  readonly prompt?: string;
  /** Default: one calibrated on `sample` texts of the table. */
  readonly codec?: Codec;
  /** Width of that codec, in values. Default: that of the encoder. */
  readonly dimensions?: number;
  /** Texts to calibrate on. Default 1000. */
  readonly sample?: number;
  /** Name of the store. Default: that of the table. */
  readonly store?: string;
  /** Whether writers NOTIFY the workers, which rules prepared transactions out. Default: where the server allows none. */
  readonly notify?: boolean;
  /** Schema of nestbit's tables. Default `nestbit`. */
  readonly schema?: string;
  readonly signal?: AbortSignal;
}

/**
 * Makes a store whose codes follow a column of texts: codec, tables, trigger; and enqueues the rows that are there, for
 * the workers to encode. The table is neither rewritten nor locked for long. Ended at any moment, it is called again;
 * once done it does nothing. Gives the name of the store.
 *
 * @throws NestbitError `TABLE_NOT_FOUND`, `COLUMN_NOT_FOUND`, `ID_TYPE`, `UNSUPPORTED`, `STORE_EXISTS`, `CODEC_MISMATCH`,
 * `CALIBRATION_EMPTY` for a table without texts
 */
export async function followTexts(userPool: Pool, options: FollowTextsOptions): Promise<string> {
  const pool = databaseOf(userPool);
  const { columns = [], encoder, schema = SCHEMA, signal } = options;
  const named = await resolveTable(pool, options.table, options.tableSchema);
  const { store = named.table } = options;
  const source = await textSource(pool, schema, store, { ...options, ...named });
  const { table, column } = source;
  if (source.kind !== 'text') {
    throw new NestbitError(
      'UNSUPPORTED',
      `The column ${column} of ${table} holds ${source.kind}, not text. Embeddings that are there go by nestbit shrink start.`,
    );
  }
  await refuseHiddenRows(pool, source);
  await refuseChildren(pool, source);
  await prepareRegistry(pool, schema);
  const before = await readStore(pool, schema, store);
  const state = before && (await readShrink(pool, schema, store));
  if (before !== undefined && !follows(before.source, source)) throw taken(store, source);
  if (state !== undefined && state.column !== column) throw taken(store, source);
  const codec = before?.codec ?? options.codec ?? (await calibrated(pool, source, options));
  checkEncoder(encoder, codec, store);
  throwIfAborted(signal);
  const { schema: own, idType } = source;
  const { notify } = options;
  const settings = {
    index: 'none' as const,
    bitsInTrigger: false,
    adopted: before !== undefined,
    ...(notify !== undefined && { notify }),
  };
  await transaction(pool, async (client) => {
    if (before === undefined)
      await createStore(client, schema, {
        name: store,
        idType,
        codec,
        source: { schema: own, table, id: source.id, columns },
      });
    await createShrink(client, schema, { name: store, column, kind: 'text', settings });
  });
  const sync = {
    schema,
    store,
    source,
    dimensions: codec.dimensions,
    layout: before?.layout ?? layoutFor(codec),
    bitsInTrigger: false,
    notify: (state?.settings ?? settings).notify,
  };
  // Again each time: partitions attached since get their trigger of TRUNCATE.
  if (state === undefined || state.phase === 'sync' || source.partitioned) await installSync(pool, sync);
  if (state === undefined || state.phase !== 'ready') {
    await enqueueMissing(pool, sync, signal);
    await setPhase(pool, schema, store, 'ready');
  }
  return store;
}

/** The column of texts: that of the store where there is one, under its names of now. */
async function textSource(
  pool: Pool,
  schema: string,
  store: string,
  { table, tableSchema, id, column }: Pick<FollowTextsOptions, 'table' | 'id' | 'column'> & TableName,
): Promise<SourceTable> {
  const found = await followRecord(pool, schema, store);
  const before = found?.record.source;
  const following = found && (await followedSource(found));
  const tables = [before?.table, following?.source.table];
  const columns = [found?.state.column, following?.source.column];
  if (following !== undefined && tables.includes(table) && columns.includes(column)) return following.source;
  return await describeSource(pool, { table, tableSchema, id, column });
}

function follows(
  source: { readonly schema: string; readonly table: string; readonly id: string } | undefined,
  wanted: SourceTable,
): boolean {
  return source?.schema === wanted.schema && source.table === wanted.table && source.id === wanted.id;
}

function taken(store: string, { schema, table, id, column }: SourceTable): NestbitError {
  return new NestbitError(
    'STORE_EXISTS',
    `The store ${store} is there already, and does not follow ${schema}.${table} (${id}, ${column}). Give another name.`,
  );
}

async function calibrated(
  pool: Pool,
  source: SourceTable,
  { encoder, prompt, dimensions, sample = 1000, signal }: FollowTextsOptions,
): Promise<Codec> {
  const texts = await someTexts(pool, source, sample);
  if (texts.length === 0) {
    throw new NestbitError(
      'CALIBRATION_EMPTY',
      `The column ${source.column} of ${source.table} holds no text to calibrate a codec on. Give a codec, or insert some rows first.`,
    );
  }
  const embeddings = await encoder.encode(texts, {
    ...(signal && { signal }),
    ...(prompt !== undefined && { prompt }),
  });
  const calibration = await calibrate([embeddings], {
    inputDimensions: encoder.dimensions,
    ...(dimensions !== undefined && { dimensions }),
  });
  return calibration.codec({ model: encoder.identity });
}

// About `count` texts from all over the table, without sorting it.
async function someTexts(pool: Pool, source: SourceTable, count: number): Promise<string[]> {
  const { rows: known } = await pool.query<{ rows: number }>(
    'select reltuples::float8 as rows from pg_class where oid = $1',
    [source.oid],
  );
  const share = known[0].rows > 0 ? Math.min(100, (200 * count) / known[0].rows) : 100;
  const text = quoted(source.column);
  const { rows } = await pool
    .query<{ text: string }>(
      `select ${text}::text as text from ${sourceSql(source)} tablesample bernoulli ($1) where ${text} ~ '\\S' limit $2`,
      [share, count],
    )
    .catch((error) => {
      throw translated(error);
    });
  return rows.map((row) => row.text);
}
