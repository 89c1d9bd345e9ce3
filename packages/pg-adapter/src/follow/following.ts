import { NestbitError, wrongType } from '@nestbit/core';
import type { Pool } from 'pg';
import { readStore, type StoreRecord } from '../schema/registry.ts';
import { registryOf } from '../schema/registry-names.ts';
import { type Tables, tablesOf } from '../schema/tables.ts';
import { describeSource } from '../source/describe.ts';
import type { SourceTable } from '../source/source-table.ts';
import { translated } from '../sql/failures.ts';
import { type Located, locateSource } from './installed.ts';
import type { SyncSpec } from './spec.ts';
import { readShrink, type ShrinkState } from './state.ts';

/** A store that follows a table, as the registry has it: the table may be gone. */
export interface FollowRecord {
  readonly pool: Pool;
  readonly schema: string;
  readonly name: string;
  readonly record: StoreRecord;
  readonly state: ShrinkState;
  readonly tables: Tables;
}

/** A store that follows a table, and that table. */
export interface Following extends FollowRecord {
  readonly source: SourceTable;
  readonly sync: SyncSpec;
}

/** What the registry says of a store that follows a table; nothing when there is none of this name. */
export async function followRecord(
  pool: Pool,
  schema: string,
  name: string,
): Promise<FollowRecord | undefined> {
  const state = await readShrink(pool, schema, name);
  const record = state && (await readStore(pool, schema, name));
  if (state === undefined || record === undefined) return undefined;
  return { pool, schema, name, record, state, tables: tablesOf(schema, name, record.layout) };
}

/** What names of the source mean that it may have others now. */
const ELSEWHERE = ['TABLE_NOT_FOUND', 'COLUMN_NOT_FOUND', 'UNSUPPORTED'];

/**
 * The table that a store follows. A table or column of the recorded names is the one, also when another one bore them
 * before; where there is none, the triggers tell what was renamed, and the new names are recorded.
 *
 * @throws NestbitError as `describeSource`
 */
export async function followedSource(found: FollowRecord): Promise<Following> {
  const { pool, name, record, state } = found;
  const own = record.source;
  if (own === undefined) throw wrongType(`the store ${name} has no source`);
  const names = { table: own.table, tableSchema: own.schema, id: own.id, column: state.column };
  try {
    return withSource(found, await describeSource(pool, names));
  } catch (cause) {
    const error = translated(cause);
    if (!(error instanceof NestbitError) || !ELSEWHERE.includes(error.code)) throw error;
    const located = await whereNow(found);
    if (located?.id === undefined || located.column === undefined) throw gone(found, error);
    const now = {
      table: located.table,
      tableSchema: located.schema,
      id: located.id,
      column: located.column,
    };
    if (Object.entries(now).every(([key, value]) => names[key as keyof typeof now] === value)) throw error;
    const source = await describeSource(pool, now);
    await recordNames(found, source);
    const moved = { ...own, schema: source.schema, table: source.table, id: source.id };
    return withSource(
      {
        ...found,
        record: { ...record, source: moved },
        state: { ...state, column: source.column },
      },
      source,
    );
  }
}

/** Where the followed table is, by its triggers; nothing when they are gone. */
export async function whereNow({ pool, schema, name, record }: FollowRecord): Promise<Located | undefined> {
  return await locateSource(pool, { schema, store: name, layout: record.layout });
}

function withSource(found: FollowRecord, source: SourceTable): Following {
  const { schema, name, record, state } = found;
  return {
    ...found,
    source,
    sync: {
      schema,
      store: name,
      source,
      dimensions: record.codec.dimensions,
      layout: record.layout,
      bitsInTrigger: state.settings.bitsInTrigger === true,
      notify: state.settings.notify,
    },
  };
}

async function recordNames({ pool, schema, name }: FollowRecord, source: SourceTable): Promise<void> {
  const { stores, shrinks } = registryOf(schema);
  await pool
    .query(
      `with moved as (update ${shrinks} set source_column = $2, changed_at = now() where name = $1)
       update ${stores} set source = source || jsonb_build_object('schema', $3::text, 'table', $4::text, 'id', $5::text) where name = $1`,
      [name, source.column, source.schema, source.table, source.id],
    )
    .catch((error) => {
      // A role that only reads finds the table by its triggers each time.
      if ((error as { code?: string }).code !== '42501') throw translated(error);
    });
}

function gone({ name, schema, record, state }: FollowRecord, cause: NestbitError): NestbitError {
  const { source } = record;
  return new NestbitError(
    cause.code,
    `The store ${name} follows ${source?.schema}.${source?.table} (${source?.id}, ${state.column}), which is not there as it was: ${cause.message} ` +
      `Take the store back with nestbit shrink rollback --store ${name}${schema === 'nestbit' ? '' : ` --schema ${schema}`}.`,
    { cause },
  );
}
