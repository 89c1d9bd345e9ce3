import type { PreparedQuery } from '@nestbit/core';
import type { PoolClient } from 'pg';
import type { Plan } from './plan.ts';
import { candidatesSql, type SearchSql } from './statements.ts';

/** How a search would run. */
export interface Explanation {
  /** `exact` scans all bits that pass; the others read the index. */
  readonly plan: Plan['kind'];
  readonly why: string;
  /** Hamming candidates, and how many of them are rescored. */
  readonly prefilter: number;
  readonly rescored: number;
  /** Settings for the transaction of the search alone. */
  readonly settings: string;
  /** The statement that gives the candidates. */
  readonly statement: string;
  /** Whether the server would read the index for it, by its own `explain`. */
  readonly usesIndex: boolean;
  /** What `explain` printed. */
  readonly server: string;
}

export async function explain(
  client: PoolClient,
  sql: SearchSql,
  plan: Plan,
  query: PreparedQuery,
): Promise<Explanation> {
  const { kind, why, prefilter, rescored, settings } = plan;
  const ordered = kind === 'exact' ? 'exact' : 'index';
  const { text, values } = candidatesSql(sql, plan, query.bits, ordered);
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
  const server = rows.map((row) => row['QUERY PLAN']).join('\n');
  const usesIndex =
    server.includes(` using ${sql.tables.index.name} `) || server.includes(`"${sql.tables.index.name}"`);
  return { plan: kind, why, prefilter, rescored, settings, statement: text, usesIndex, server };
}
