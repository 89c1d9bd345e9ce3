import type { Pool } from 'pg';
import { sourceSql } from '../../source/read-by-ids.ts';
import type { SourceTable } from '../../source/source-table.ts';

/** Rows of the table as the planner has it: quick, and as good as the last analyze. */
export async function estimatedRows(pool: Pool, source: SourceTable): Promise<number> {
  const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    `explain (format json) select from ${sourceSql(source)}`,
  );
  return rows[0]['QUERY PLAN'][0].Plan['Plan Rows'];
}

/** Beyond so many rows counting takes too long. */
const COUNT_UP_TO = 5_000_000;

/** Rows of the table, counted unless there are millions. */
export async function countedRows(
  pool: Pool,
  source: SourceTable,
): Promise<{ rows: number; exact: boolean }> {
  const estimate = await estimatedRows(pool, source);
  if (estimate > COUNT_UP_TO) return { rows: estimate, exact: false };
  const { rows } = await pool.query<{ count: string }>(`select count(*) as count from ${sourceSql(source)}`);
  return { rows: Number(rows[0].count), exact: true };
}
