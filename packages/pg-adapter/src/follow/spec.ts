import { createHash } from 'node:crypto';
import { derivedName } from '../schema/names.ts';
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
  /**
   * Whether writers tell the workers by NOTIFY. Default: unless the server allows prepared transactions, which NOTIFY
   * rules out; workers then find changes by polling.
   */
  readonly notify?: boolean | undefined;
  /** Fire also for changes that logical replication applies (`enable always`). Default false. */
  readonly always?: boolean;
}

/** The relations of one store's sync. */
export interface SyncRelations {
  /** Ids of changed rows, as writers append them; a NULL stands for TRUNCATE. */
  readonly changes: Relation;
  /** One row a changed id; only workers write it. */
  readonly queue: Relation;
  /** The index by which workers claim. */
  readonly due: Relation;
  /** Numbers the changes. */
  readonly version: Relation;
  /** The function of the triggers; it runs for TRUNCATE. */
  readonly changed: Relation;
  /** Records a change: the conditions of the triggers call it. */
  readonly note: Relation;
  /** Hashes of the texts that were encoded; only for columns of text. */
  readonly texts: Relation;
  readonly codes: Tables;
}

/** By what the relations of a store are found. */
export type SyncNames = Pick<SyncSpec, 'schema' | 'store' | 'layout'>;

export function syncRelations({ schema, store, layout }: SyncNames): SyncRelations {
  const relation = (suffix: string): Relation => ({ schema, name: derivedName(store, suffix) });
  return {
    changes: relation('_changes'),
    queue: relation('_queue'),
    due: relation('_due'),
    version: relation('_version'),
    changed: relation('_changed'),
    note: relation('_note'),
    texts: relation('_texts'),
    codes: tablesOf(schema, store, layout),
  };
}

/** A hash of a store's schema and name, in hex. */
function hashOf({ schema, store }: Pick<SyncSpec, 'schema' | 'store'>, digits: number): string {
  return createHash('sha256')
    .update(JSON.stringify([schema, store]))
    .digest('hex')
    .slice(0, digits);
}

/** What the workers of a store LISTEN to; the same for every one, and needs no quoting. */
export function channelOf(spec: Pick<SyncSpec, 'schema' | 'store'>): string {
  return `nestbit_${hashOf(spec, 16)}`;
}

export const EVENTS = ['insert', 'update', 'delete', 'truncate'] as const;
export type Event = (typeof EVENTS)[number];

/**
 * The name of a trigger of a store: with the store's name where that fits and the schema is the usual one, else with a
 * hash of both, so that no two stores share a trigger.
 */
export function triggerName(spec: Pick<SyncSpec, 'schema' | 'store'>, event: Event): string {
  const name = `nestbit_${spec.store}_${event}`;
  return spec.schema === 'nestbit' && Buffer.byteLength(name) <= 63
    ? name
    : `nestbit_${event}_${hashOf(spec, 32)}`;
}
