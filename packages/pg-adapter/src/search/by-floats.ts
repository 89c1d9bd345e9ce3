import { clampScore, type Hit, type PreparedQuery, throwIfAborted } from '@nestbit/core';
import type { Pool } from 'pg';
import type { IdType } from '../schema/tables.ts';
import { idText, sourceSql, valueSql } from '../source/read-by-ids.ts';
import { RowCollector, recycle } from '../source/source-rows.ts';
import type { SourceTable } from '../source/source-table.ts';
import { quoted } from '../sql/identifiers.ts';
import type { FloatColumn } from './float-column.ts';
import type { Plan } from './plan.ts';
import { type Found, searchAtOnce, searchQueries } from './search-queries.ts';
import { payloadSql, type SearchSql } from './statements.ts';

/** What one query found when the table's own floats have ordered it. */
export interface FoundByFloats {
  readonly found: Found;
  readonly payloads: Map<string, Hit['payload']> | undefined;
}

/**
 * Searches by codes for more hits than asked, and lets the embeddings of the user's table order them.
 *
 * @param embeddings the queries as they were given, queries × inputDimensions
 */
export async function searchByFloats(
  pool: Pool,
  sql: SearchSql,
  idType: IdType,
  plan: Plan,
  floats: FloatColumn,
  queries: readonly PreparedQuery[],
  embeddings: Float32Array,
): Promise<FoundByFloats[]> {
  const column = await floats.column();
  const byCodes = { ...plan, k: plan.floats, payloads: false };
  const found =
    (await searchAtOnce(pool, sql, byCodes, queries)) ??
    (await searchQueries(pool, sql, idType, byCodes, queries, async (_, one) => one));
  throwIfAborted(plan.signal);
  return await floats.read(column, (source) => byFloats(pool, sql, source, embeddings, found, plan));
}

/**
 * Orders the hits of queries by cosine similarity with the embeddings that the user's table holds now, at full width, in
 * float64; payloads come along. One statement for all queries. Rows that have no such embedding any more are left out.
 *
 * @param queries queries × dimensions, row-major
 */
async function byFloats(
  pool: Pool,
  sql: SearchSql,
  source: SourceTable,
  queries: Float32Array,
  all: readonly Found[],
  { k, payloads }: { readonly k: number; readonly payloads: boolean },
): Promise<FoundByFloats[]> {
  const dimensions = sql.codec.inputDimensions;
  const ids = [...new Set(all.flatMap(({ hits }) => hits.map(({ id }) => id)))];
  const { rows } = await pool.query<{ id: string; value: Buffer | string | null; payload?: Hit['payload'] }>(
    `select ${idText(source)} as id, ${valueSql(source)} as value${payloads ? `, ${payloadSql(sql.source)} as payload` : ''}
     from ${sourceSql(source)} s where s.${quoted(source.id)} = any($1::${source.idSqlType}[])`,
    [ids],
  );
  const collector = new RowCollector(source, dimensions, rows.length);
  for (const { id, value } of rows) collector.add(id, typeof value === 'string' ? Buffer.from(value) : value);
  const read = collector.rows();
  const places = new Map(read.ids.map((id, place) => [id, place]));
  const found = all.map(({ hits, stages }, number): Found => {
    const query = queries.subarray(number * dimensions, (number + 1) * dimensions);
    const scored = hits.flatMap(({ id }) => {
      const place = places.get(id);
      if (place === undefined) return [];
      const score = cosine(query, read.embeddings, place * dimensions);
      return Number.isNaN(score) ? [] : [{ id, score }];
    });
    // Of ties, what the codes put first goes first.
    scored.sort((a, b) => b.score - a.score);
    return { stages, hits: scored.slice(0, k).map(({ id, score }) => ({ id, score: clampScore(score) })) };
  });
  recycle(read);
  const byId = payloads ? new Map(rows.map(({ id, payload }) => [id, payload])) : undefined;
  return found.map((one) => ({ found: one, payloads: byId }));
}

/** NaN for a row without a direction. */
function cosine(query: Float32Array, rows: Float32Array, at: number): number {
  let product = 0;
  let own = 0;
  let other = 0;
  for (let i = 0; i < query.length; i++) {
    const value = rows[at + i];
    product += query[i] * value;
    own += query[i] * query[i];
    other += value * value;
  }
  return product / Math.sqrt(own * other);
}
