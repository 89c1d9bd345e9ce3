import { NestbitError } from '@nestbit/core';
import type { Pool } from 'pg';
import { copies } from '../connection/copies.ts';
import type { SyncSpec } from '../follow/install.ts';
import { readShrink, type ShrinkState } from '../follow/state.ts';
import { readStore, type StoreRecord } from '../schema/registry.ts';
import { type Tables, tablesOf } from '../schema/tables.ts';
import { describeSource } from '../source/describe.ts';
import type { SourceTable } from '../source/source-table.ts';
import { SCHEMA } from '../store/open-store.ts';
import type { ShrinkTarget } from './options.ts';

/** A migration that has begun, and all that its steps need. */
export interface ShrinkContext {
  readonly pool: Pool;
  readonly schema: string;
  readonly name: string;
  readonly source: SourceTable;
  readonly record: StoreRecord;
  readonly tables: Tables;
  readonly state: ShrinkState;
  readonly sync: SyncSpec;
  /** Whether COPY can be used. */
  readonly copy: boolean;
}

/** The source of a target. @throws NestbitError as `describeSource`; `UNSUPPORTED` for a column of text */
export async function sourceOf(
  pool: Pool,
  { table, tableSchema, id, column }: ShrinkTarget,
): Promise<SourceTable> {
  const source = await describeSource(pool, { table, tableSchema, id, column });
  if (source.kind !== 'text') return source;
  throw new NestbitError(
    'UNSUPPORTED',
    `The column ${column} of ${table} holds text; shrink reads embeddings. Texts are encoded by nestbit sync with a model.`,
  );
}

/**
 * The migration as the database has it; nothing when none has begun.
 *
 * @param describe what gives the source: `describeSource` where also texts will do
 */
export async function findContext(
  pool: Pool,
  target: ShrinkTarget,
  describe: typeof sourceOf = sourceOf,
): Promise<ShrinkContext | undefined> {
  const { schema = SCHEMA, name = target.table } = target;
  const state = await readShrink(pool, schema, name);
  const record = state && (await readStore(pool, schema, name));
  if (state === undefined || record === undefined) return undefined;
  const { source: own } = record;
  const source = await describe(pool, {
    table: target.table,
    ...((target.tableSchema ?? own?.schema) !== undefined && {
      tableSchema: target.tableSchema ?? (own?.schema as string),
    }),
    id: target.id ?? own?.id ?? '',
    column: target.column,
  });
  if (
    own?.schema !== source.schema ||
    own.table !== source.table ||
    own.id !== source.id ||
    state.column !== source.column
  ) {
    throw new NestbitError(
      'STORE_EXISTS',
      `The store ${name} follows ${own?.schema}.${own?.table} (${own?.id}, ${state.column}), not ${source.schema}.${source.table} ` +
        `(${source.id}, ${source.column}). Give another name.`,
    );
  }
  return {
    pool,
    schema,
    name,
    source,
    record,
    tables: tablesOf(schema, name, record.layout),
    state,
    sync: {
      schema,
      store: name,
      source,
      dimensions: record.codec.dimensions,
      layout: record.layout,
      bitsInTrigger: state.settings.bitsInTrigger,
    },
    copy: copies(pool),
  };
}

/** @throws NestbitError `STORE_NOT_FOUND` when no migration has begun */
export async function contextOf(pool: Pool, target: ShrinkTarget): Promise<ShrinkContext> {
  const found = await findContext(pool, target);
  if (found !== undefined) return found;
  throw new NestbitError(
    'STORE_NOT_FOUND',
    `No migration of ${target.table} has begun under the name ${target.name ?? target.table}; begin it with shrink start.`,
  );
}
