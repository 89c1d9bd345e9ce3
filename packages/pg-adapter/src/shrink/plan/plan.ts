import type { Codec } from '@nestbit/core';
import type { Pool } from 'pg';
import { partitionsOf, syncDdl } from '../../follow/install.ts';
import { createIndex, type PgIndex } from '../../index-build/index-builder.ts';
import { indexesBits, type Server, serverOf } from '../../index-build/server.ts';
import { createTables, layoutFor, tablesOf } from '../../schema/tables.ts';
import { sourceSql } from '../../source/read-by-ids.ts';
import { copyRangeSql } from '../../source/read-range.ts';
import type { SourceTable } from '../../source/source-table.ts';
import { qualified, quoted } from '../../sql/identifiers.ts';
import { type NamedTarget, sourceOf } from '../context.ts';
import type { ShrinkMaking } from '../options.ts';
import { codecFor } from '../sample/calibrate-source.ts';
import { countedRows } from '../sample/estimate.ts';
import { type Widths, widthsOf } from '../sample/sample.ts';
import { type CodeBytes, codeBytes } from './bytes.ts';
import { trial } from './measure.ts';
import { type Advice, adviceFor, serverSettings } from './settings.ts';
import { indexSeconds } from './time.ts';

/** One statement of a migration. */
export interface PlannedStatement {
  readonly step: 'schema' | 'sidecar' | 'sync' | 'backfill' | 'index';
  readonly sql: string;
  /** The lock on the user's table, in Postgres' words; `none` where it is not touched. */
  readonly lock: string;
  /** What that lock keeps out, and for how long. */
  readonly note: string;
}

export interface ShrinkPlan {
  readonly source: {
    readonly schema: string;
    readonly table: string;
    readonly id: string;
    readonly column: string;
    readonly kind: string;
  };
  readonly dimensions: { readonly input: number; readonly kept: number };
  /** Rows, counted or (of millions) estimated; and what a sample says of them. */
  readonly rows: number;
  readonly counted: boolean;
  readonly sample: Widths;
  readonly statements: readonly PlannedStatement[];
  readonly bytes: {
    /** The table as it is: rows and TOAST, and indexes on the column of embeddings. */
    readonly table: number;
    readonly floatIndexes: number;
    /** What is added. */
    readonly added: CodeBytes & { readonly total: number };
  };
  readonly seconds: { readonly backfill: number; readonly index: number };
  readonly settings: readonly Advice[];
}

export interface PlanOptions extends ShrinkMaking {
  /** Rows that the time is measured on. Default 20 000: a few seconds. */
  readonly trialRows?: number;
}

/** What a migration would do, changing nothing: the trial goes into a temporary table that is gone afterwards. */
export async function planShrink(pool: Pool, target: NamedTarget, options: PlanOptions): Promise<ShrinkPlan> {
  const source = await sourceOf(pool, target);
  const server = await serverOf(pool);
  const sample = await widthsOf(pool, source);
  const codec = await codecFor(pool, source, options);
  const index: PgIndex | 'none' = options.index ?? (indexesBits(server) ? { kind: 'hnsw' } : 'none');
  const { rows, exact } = await countedRows(pool, source);
  const measured = await trial(pool, source, codec, Math.min(rows, options.trialRows ?? 20_000), index);
  const withEmbedding = Math.round(rows * (1 - sample.nulls / Math.max(1, sample.sampled)));
  const { idType } = source;
  const layout = layoutFor(codec);
  const added = codeBytes(withEmbedding, codec, {
    idType,
    idBytes: measured.idBytes,
    layout,
    index,
  });
  const settings = await serverSettings(pool);
  return {
    source: {
      schema: source.schema,
      table: source.table,
      id: source.id,
      column: source.column,
      kind: source.kind,
    },
    dimensions: { input: codec.inputDimensions, kept: codec.dimensions },
    rows,
    counted: exact,
    sample,
    statements: statementsOf(
      source,
      target,
      codec,
      index,
      { bitsInTrigger: options.bitsInTrigger ?? false, notify: options.notify },
      await partitionsOf(pool, { source }),
      server,
    ),
    bytes: {
      ...(await bytesBefore(pool, source)),
      added: { ...added, total: added.codes + added.keys + added.index },
    },
    seconds: {
      backfill: measured.rows === 0 ? 0 : (measured.backfillSeconds * withEmbedding) / measured.rows,
      index: indexSeconds(measured, withEmbedding, added, settings),
    },
    settings: adviceFor(settings, added.codes + added.keys, added.index),
  };
}

function statementsOf(
  source: SourceTable,
  { schema, name }: NamedTarget,
  codec: Codec,
  index: PgIndex | 'none',
  sync: { readonly bitsInTrigger: boolean; readonly notify: boolean | undefined },
  partitions: readonly string[],
  server: Server,
): PlannedStatement[] {
  const layout = layoutFor(codec);
  const tables = tablesOf(schema, name, layout);
  const sidecar = createTables(tables, source.idType, layout, codec);
  const none = { lock: 'none', note: 'relations of its own' };
  const range = { after: '…', upTo: '…' };
  return [
    {
      step: 'schema',
      sql: `create schema ${quoted(schema)}`,
      lock: 'none',
      note: 'with the tables of its migrations, where they are missing',
    },
    ...sidecar.map((sql) => ({ step: 'sidecar' as const, sql, ...none })),
    ...syncDdl(
      { schema, store: name, source, dimensions: codec.dimensions, layout, ...sync },
      partitions,
    ).map((sql) => ({
      step: 'sync' as const,
      sql,
      ...(/create (or replace )?(constraint )?trigger/i.test(sql)
        ? {
            lock: 'SHARE ROW EXCLUSIVE',
            note: 'keeps writers out, not readers, for milliseconds; gives up within 200 ms when writers are in its way, and asks again',
          }
        : none),
    })),
    {
      step: 'backfill',
      sql: copyRangeSql(source, range),
      lock: 'ACCESS SHARE',
      note: 'as any select; a range at a time',
    },
    {
      step: 'backfill',
      sql: `copy ${qualified(tables.codes)} from stdin (format binary)`,
      lock: 'none',
      note: 'a transaction a range',
    },
    ...(index === 'none'
      ? []
      : [
          {
            step: 'index' as const,
            sql: createIndex(tables, index, server),
            lock: 'none',
            note: 'on the codes; nobody waits',
          },
        ]),
  ];
}

async function bytesBefore(
  pool: Pool,
  source: SourceTable,
): Promise<{ table: number; floatIndexes: number }> {
  // A partitioned table has its bytes in its partitions.
  const { rows } = await pool.query<{ table: string; indexes: string }>(
    `select coalesce(sum(pg_table_size(t.relid)), 0) as table,
            coalesce(sum((select sum(pg_relation_size(i.indexrelid)) from pg_index i
              join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey) and a.attname = $2
              where i.indrelid = t.relid)), 0) as indexes
     from (select $1::regclass as relid union select relid from pg_partition_tree($1::regclass)) t`,
    [sourceSql(source), source.column],
  );
  return { table: Number(rows[0].table), floatIndexes: Number(rows[0].indexes) };
}
