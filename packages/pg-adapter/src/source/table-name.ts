import type { Pool, PoolClient } from 'pg';
import { translated } from '../sql/failures.ts';

/** A table by its name, and by its schema where that is given. */
export interface TableName {
  readonly table: string;
  readonly tableSchema: string | undefined;
}

/**
 * Takes `schema.table` apart where no table has the whole as its name and one of that schema has the rest. Any other
 * name stays as it is.
 */
export async function resolveTable(
  client: Pool | PoolClient,
  table: string,
  tableSchema: string | undefined,
): Promise<TableName> {
  const dot = table.indexOf('.');
  if (tableSchema !== undefined || dot < 1 || dot === table.length - 1) return { table, tableSchema };
  const schema = table.slice(0, dot);
  const name = table.slice(dot + 1);
  const { rows } = await client
    .query<{ whole: boolean; part: boolean }>(
      `select exists (select from pg_class where relname = $1) as whole,
              exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relname = $3 and n.nspname = $2) as part`,
      [table, schema, name],
    )
    .catch((error) => {
      throw translated(error);
    });
  return rows[0].part && !rows[0].whole ? { table: name, tableSchema: schema } : { table, tableSchema };
}
