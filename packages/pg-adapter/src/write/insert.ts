import type { PoolClient } from 'pg';
import { type CodeColumns, scalarsToSmallint } from '../codes/columns.ts';
import { bitParameter, bytesOf } from '../codes/wire.ts';
import type { Layout, Tables } from '../schema/tables.ts';
import { qualified } from '../sql/identifiers.ts';
import { eachRow, type WriteRow, type WriteRows } from './rows.ts';
import type { TupleColumn } from './tuples.ts';

/** Rows of one statement; Postgres takes 65 535 parameters. */
const ROWS_A_STATEMENT = 512;

/** A table, and the columns of it that a row's values go into. */
export interface Target {
  readonly table: string;
  readonly columns: readonly TupleColumn[];
}

/** The tables that a row goes into. */
export function targetsOf(tables: Tables, layout: Layout, { scalars, copy }: CodeColumns): Target[] {
  const bits: TupleColumn[] = scalars ? ['bits', 'scalars'] : ['bits'];
  const copies: TupleColumn[] = copy === undefined ? [] : [copy];
  const codes = qualified(tables.codes);
  if (layout === 'inline') return [{ table: codes, columns: ['id', 'seq', ...bits, ...copies, 'payload'] }];
  return [
    { table: codes, columns: ['id', 'seq', ...copies, 'payload'] },
    { table: qualified(tables.bits), columns: ['id', 'seq', ...bits] },
  ];
}

/** Writes rows over those of the same ids, by statements of many rows with binary parameters; `conflict` may say
 * otherwise. */
export async function insertRows(
  client: PoolClient,
  targets: readonly Target[],
  rows: WriteRows,
  conflict: (columns: readonly string[]) => string = onConflict,
): Promise<void> {
  let waiting: WriteRow[] = [];
  const write = async (): Promise<void> => {
    for (const target of targets) {
      const values = waiting.flatMap((row) => target.columns.map((column) => columnValue(row, column)));
      await client.query(insertSql(target, waiting.length, conflict), values);
    }
    waiting = [];
  };
  for await (const some of eachRow(rows)) {
    waiting.push(...some);
    if (waiting.length >= ROWS_A_STATEMENT) await write();
  }
  if (waiting.length > 0) await write();
}

function columnValue({ id, seq, bits, scalars, copy, payload }: WriteRow, column: TupleColumn): unknown {
  switch (column) {
    case 'id':
      return id;
    case 'seq':
      return seq;
    case 'bits':
      return bitParameter(bits);
    case 'scalars':
      return scalarsToSmallint(scalars);
    case 'payload':
      return payload;
    default:
      return bytesOf(copy);
  }
}

function insertSql(
  { table, columns }: Target,
  rows: number,
  conflict: (columns: readonly string[]) => string,
): string {
  const width = columns.length;
  const places = Array.from(
    { length: rows },
    (_, row) => `(${columns.map((_name, column) => `$${row * width + column + 1}`).join(',')})`,
  );
  return `insert into ${table} (${columns.join(', ')}) values ${places.join(',')} ${conflict(columns)}`;
}

/** The last write of an id wins. */
export function onConflict(columns: readonly string[]): string {
  const set = columns.filter((column) => column !== 'id').map((column) => `${column} = excluded.${column}`);
  return `on conflict (id) do update set ${set.join(', ')}`;
}
