import { type Condition, FieldRegistry, type Payload, Turns } from '@nestbit/core';
import { count, has, without } from './bitmap.ts';
import { Columns } from './columns.ts';
import type { Generation } from './generation.ts';
import type { Committed } from './records-db.ts';

/** What one call sees of a store: whole commits, and no change while it runs. */
export interface View {
  readonly generation: Generation;
  /** Rows in the files. */
  readonly rows: number;
  /** Those of them that live. */
  readonly live: number;
  /** Absent: all. */
  readonly alive: BigUint64Array | undefined;
  readonly deaths: number;
  readonly fields: readonly string[];
  /** Shared by the views of a generation. */
  readonly columns: Columns;
}

export function emptyView(generation: Generation): View {
  return { generation, rows: 0, live: 0, alive: undefined, deaths: 0, fields: [], columns: new Columns() };
}

/** The view after newer commits. */
export function advance(view: View, state: Committed, gone: Uint32Array): View {
  const { rows, live, deaths, fields } = state;
  return { ...view, rows, live, deaths, fields, alive: without(view.alive, view.rows, rows, gone) };
}

/** Whether a row is one that the view shows. */
export function shows(view: View, row: number): boolean {
  return row < view.rows && has(view.alive, row);
}

/**
 * The rows that a search may find, and how many; absent set: all.
 *
 * @throws NestbitError `FILTER_FIELD`
 */
export async function searchable(
  view: View,
  conditions: readonly Condition[],
  signal: AbortSignal | undefined,
): Promise<{ pass: BigUint64Array | undefined; passing: number }> {
  if (conditions.length === 0 || view.live === 0) return { pass: view.alive, passing: view.live };
  new FieldRegistry(view.fields).check(conditions);
  const payloadOf = (row: number): Payload | undefined => view.generation.row(row).payload;
  const pass = await view.columns.passing(conditions, view.rows, view.alive, payloadOf, new Turns(), signal);
  return { pass, passing: count(pass) };
}
