import type { PoolClient } from 'pg';
import { bitParameter, bytesOf } from '../codes/wire.ts';
import type { Layout, Tables } from '../schema/tables.ts';
import { qualified } from '../sql/identifiers.ts';
import { eachRow, type WriteRow, type WriteRows } from './rows.ts';
import type { TupleColumn } from './tuples.ts';

/** Rows of one statement; Postgres takes 65 535 parameters. */
const ROWS_A_STATEMENT = 512;

/** Columns of a table with the values of a row. */
export interface Target {
  readonly table: string;
  readonly columns: readonly TupleColumn[];
  values(row: WriteRow): unknown[];
}

/** The tables that a row goes into. */
export function targetsOf(tables: Tables, layout: Layout): Target[] {
  const codes = qualified(tables.codes);
  if (layout === 'inline') {
    return [
      {
        table: codes,
        columns: ['id', 'seq', 'bits', 'int8', 'payload'],
        values: ({ id, seq, bits, int8, payload }) => [id, seq, bitParameter(bits), bytesOf(int8), payload],
      },
    ];
  }
  return [
    {
      table: codes,
      columns: ['id', 'seq', 'int8', 'payload'],
      values: ({ id, seq, int8, payload }) => [id, seq, bytesOf(int8), payload],
    },
    {
      table: qualified(tables.bits),
      columns: ['id', 'seq', 'bits'],
      values: ({ id, seq, bits }) => [id, seq, bitParameter(bits)],
    },
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
      const values = waiting.flatMap((row) => target.values(row));
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
