import { codecAdvice } from '@nestbit/core';
import type { Pool } from 'pg';
import type { IndexState } from '../index-build/index-builder.ts';
import type { StoreRecord } from '../schema/registry.ts';
import type { Tables } from '../schema/tables.ts';
import { qualified } from '../sql/identifiers.ts';

export interface StoreStats {
  readonly rows: number;
  /** With TOAST, free space and dead rows. */
  readonly bytes: {
    readonly codes: number;
    readonly bits: number;
    readonly keys: number;
    readonly index: number;
  };
  readonly index: IndexState | undefined;
  readonly codec: {
    readonly fingerprint: string;
    readonly dimensions: number;
    readonly model: string | undefined;
    readonly copy: string;
    /** What a newer codec would bring, and how to get there; absent where this one is up to date. */
    readonly advice?: string;
  };
}

export async function statsOf(
  pool: Pool,
  tables: Tables,
  record: StoreRecord,
  index: IndexState | undefined,
  count: number,
): Promise<StoreStats> {
  const split = record.layout === 'split';
  const { rows } = await pool.query<{ codes: string; bits: string; keys: string }>(
    `select pg_table_size($1::regclass) as codes, pg_table_size($2::regclass) as bits,
            pg_indexes_size($1::regclass) + case when $3 then pg_indexes_size($2::regclass) else 0 end as keys`,
    [qualified(tables.codes), qualified(tables.bits), split],
  );
  const [row] = rows;
  const { fingerprint, dimensions, settings } = record.codec;
  return {
    rows: count,
    bytes: {
      codes: Number(row.codes),
      bits: split ? Number(row.bits) : 0,
      keys: Number(row.keys) - (index?.bytes ?? 0),
      index: index?.bytes ?? 0,
    },
    index,
    codec: { fingerprint, dimensions, model: settings.model, copy: record.codec.copy, ...adviceFor(record) },
  };
}

/** What a newer codec would bring to a store and how to get there; empty where its codec is up to date. */
export function adviceFor({ name, codec, source }: StoreRecord): { readonly advice?: string } {
  const advice = codecAdvice(codec);
  if (advice === undefined) return {};
  const way =
    source === undefined
      ? 'Make a store with a codec of nestbit calibrate, and ingest the embeddings into it.'
      : `Make a second store beside this one with nestbit shrink start --table ${source.table} --store ${name}_3 (nestbit sync ` +
        `where ${source.table} holds texts), which may run while this one is in use; let the application open that, then ` +
        `remove this one with nestbit shrink rollback --store ${name}.`;
  return { advice: `${advice} ${way}` };
}
