import type { Pool, PoolClient } from 'pg';
import { qualified, quoted } from '../sql/identifiers.ts';
import { RowCollector, type SourceRows } from './source-rows.ts';
import type { SourceTable } from './source-table.ts';

/**
 * The current embeddings of some ids; ids that have no row any more are `missing`. One statement, one snapshot.
 *
 * @param dimensions width of the embeddings, in values
 * @param ids as text, in Postgres' own spelling
 */
export async function readByIds(
  client: Pool | PoolClient,
  source: SourceTable,
  dimensions: number,
  ids: readonly string[],
): Promise<SourceRows & { readonly missing: readonly string[] }> {
  const { rows } = await client.query<{ id: string; value: Buffer | string | null }>(
    `select ${idText(source)} as id, ${valueSql(source)} as value from ${sourceSql(source)} s
     where s.${quoted(source.id)} = any($1::${source.idSqlType}[])`,
    [ids],
  );
  const collector = new RowCollector(source, dimensions, rows.length);
  const found = new Set<string>();
  for (const { id, value } of rows) {
    found.add(id);
    collector.add(id, typeof value === 'string' ? Buffer.from(value) : value);
  }
  return { ...collector.rows(), missing: ids.filter((id) => !found.has(id)) };
}

/** The table, quoted. */
export function sourceSql({ schema, table }: SourceTable): string {
  return qualified({ schema, name: table });
}

/** The id of the row `s` as text, as the codes have it. */
export function idText({ id }: SourceTable): string {
  return `s.${quoted(id)}::text`;
}

/** The embedding of the row `s` in the binary form that its parser reads, as bytea; json as text. */
export function valueSql({ column, send, kind }: SourceTable): string {
  const own = `s.${quoted(column)}`;
  if (send !== undefined) return `${send}(${own})`;
  return kind === 'jsonb' ? `${own}::text` : own;
}
