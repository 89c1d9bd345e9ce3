import { createHash } from 'node:crypto';
import { type Layout, type Tables, tablesOf } from '../schema/tables.ts';
import type { SourceTable } from '../source/source-table.ts';
import type { Relation } from '../sql/identifiers.ts';

/** A store that follows a column of a table. */
export interface SyncSpec {
  /** Schema of nestbit's tables. */
  readonly schema: string;
  readonly store: string;
  readonly source: SourceTable;
  /** Of the codes. */
  readonly dimensions: number;
  readonly layout: Layout;
  /** The trigger itself computes the bits of rows that have a code, so that bits are never stale. */
  readonly bitsInTrigger: boolean;
  /** Fire also for changes that logical replication applies (`enable always`). Default false. */
  readonly always?: boolean;
}

/** The relations of one store's sync. */
export interface SyncRelations {
  /** One row a changed id. */
  readonly queue: Relation;
  /** Numbers the changes. */
  readonly version: Relation;
  /** The function of the triggers. */
  readonly changed: Relation;
  /** Hashes of the texts that were encoded; only for columns of text. */
  readonly texts: Relation;
  readonly codes: Tables;
}

export function syncRelations({ schema, store, layout }: SyncSpec): SyncRelations {
  const relation = (suffix: string): Relation => ({ schema, name: `${store}${suffix}` });
  return {
    queue: relation('_queue'),
    version: relation('_version'),
    changed: relation('_changed'),
    texts: relation('_texts'),
    codes: tablesOf(schema, store, layout),
  };
}

/** Longest suffix above, in bytes: `_version`. */
export const SYNC_SUFFIX_BYTES = 8;

/** What the workers of a store LISTEN to; the same for every one, and needs no quoting. */
export function channelOf({ schema, store }: Pick<SyncSpec, 'schema' | 'store'>): string {
  return `nestbit_${createHash('sha256')
    .update(JSON.stringify([schema, store]))
    .digest('hex')
    .slice(0, 16)}`;
}
