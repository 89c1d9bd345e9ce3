import {
  bitScorer,
  type Codec,
  type CodeRows,
  type Hit,
  type PreparedQuery,
  refine,
  rescoreApart,
  throwIfAborted,
} from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import { idOf } from '../codes/ids.ts';
import { withScratch } from '../connection/scratch.ts';
import { readAtOnce, transaction } from '../connection/transaction.ts';
import type { IdType } from '../schema/tables.ts';
import { qualified } from '../sql/identifiers.ts';
import { literal } from '../sql/literals.ts';
import { byAge, type Candidate, joined, nearest } from './candidates.ts';
import { fetchOne, fetchTogether } from './fetch.ts';
import type { Plan } from './plan.ts';
import { candidatesSql, countSql, fetchesAll, joinSource, payloadSql, type SearchSql } from './statements.ts';

/** What one query found, stage by stage; ids as text, best first. */
export interface Found {
  /** What the stages before the last one found. */
  stages(): { readonly hamming: readonly string[]; readonly refined: readonly string[] };
  readonly hits: readonly { readonly id: string; readonly score: number }[];
}

/** Queries whose first statements go to the server at once. */
const QUERIES_AT_ONCE = 8;

/** The statements that queries begin with, where they can go along with others: those of the first few. */
function aheadOf(sql: SearchSql, plan: Plan, queries: readonly PreparedQuery[]): string[] {
  if (plan.conditions.length > 0) return [];
  // A scan of all rows takes long enough to be stopped before the next.
  const count = plan.kind === 'exact' ? 1 : QUERIES_AT_ONCE;
  const ordered = plan.kind === 'exact' ? 'exact' : 'index';
  return queries.slice(0, count).map(({ bits }) => candidatesSql(sql, plan, bits, ordered).text);
}

/**
 * Searches in one round trip, commit included, where the first statements bring all that is needed. Undefined where they
 * do not: there are more queries or stages, or an index gave fewer candidates than wanted.
 */
export async function searchAtOnce(
  pool: Pool,
  sql: SearchSql,
  plan: Plan,
  queries: readonly PreparedQuery[],
): Promise<Found[] | undefined> {
  if (plan.payloads || queries.length === 0 || !fetchesAll(plan, sql)) return undefined;
  const statements = aheadOf(sql, plan, queries);
  if (statements.length < queries.length) return undefined;
  return await withScratch(async (scratch) => {
    const near = await readAtOnce(pool, plan, (client, before) =>
      fetchTogether(client, sql, statements, { before, after: 'commit;' }, scratch),
    );
    throwIfAborted(plan.signal);
    if (plan.kind !== 'exact' && near.some((found) => found.length < plan.prefilter)) return undefined;
    return near.map((found, i) => finished(sql, plan, queries[i], found));
  });
}

/** Searches within one read-only transaction, query by query; their first statements go along with `begin`. */
export async function searchQueries<T>(
  pool: Pool,
  sql: SearchSql,
  idType: IdType,
  plan: Plan,
  queries: readonly PreparedQuery[],
  give: (client: PoolClient, found: Found) => Promise<T>,
): Promise<T[]> {
  let ahead: Candidate[][] = [];
  const work = async (client: PoolClient): Promise<T[]> => {
    const all: T[] = [];
    let first = 0;
    for (const [number, query] of queries.entries()) {
      throwIfAborted(plan.signal);
      if (number >= first + ahead.length) {
        first = number;
        const statements = aheadOf(sql, plan, queries.slice(number));
        ahead = statements.length === 0 ? [] : await fetchTogether(client, sql, statements);
      }
      const near = await candidates(client, sql, plan, query, ahead[number - first]);
      all.push(await give(client, await searchOne(client, sql, idType, plan, query, near)));
    }
    return all;
  };
  return await transaction(pool, work, {
    readOnly: true,
    settings: plan.settings,
    begin: async (client, before) => {
      ahead = await fetchTogether(client, sql, aheadOf(sql, plan, queries), { before });
    },
    signal: plan.signal,
  });
}

async function searchOne(
  client: PoolClient,
  sql: SearchSql,
  idType: IdType,
  plan: Plan,
  query: PreparedQuery,
  near: readonly Candidate[],
): Promise<Found> {
  if (fetchesAll(plan, sql)) return finished(sql, plan, query, near);
  const ids = refined(sql, plan, query, byAge(near)).map(({ id }) => id);
  const kept = byAge(await withCopies(client, sql, idType, ids));
  return { stages: () => ({ hamming: nearest(near), refined: ids }), hits: hitsOf(sql, plan, query, kept) };
}

/** The later stages of candidates that brought all that these need. */
function finished(sql: SearchSql, plan: Plan, query: PreparedQuery, near: readonly Candidate[]): Found {
  const rows = byAge(near);
  if (plan.prefilter <= plan.rescored) {
    const stages = (): { hamming: string[]; refined: string[] } => {
      const hamming = nearest(near);
      return { hamming, refined: hamming };
    };
    return { stages, hits: hitsOf(sql, plan, query, rows) };
  }
  const kept = refined(sql, plan, query, rows);
  const stages = (): { hamming: string[]; refined: string[] } => ({
    hamming: nearest(near),
    refined: kept.map(({ id }) => id),
  });
  return { stages, hits: hitsOf(sql, plan, query, byAge(kept)) };
}

/** The best by bit score, best first. */
function refined(
  { codec }: SearchSql,
  plan: Plan,
  query: PreparedQuery,
  rows: readonly Candidate[],
): Candidate[] {
  const ranked = refine(codec, query, narrowCodes(rows), Uint32Array.from(rows.keys()), plan.rescored);
  return Array.from(ranked.rows, (row) => rows[row]);
}

/** The bits and scalars of candidates, as core reads them. */
function narrowCodes(rows: readonly Candidate[]): CodeRows {
  return {
    bits: joined(rows.map(({ bits }) => bits)),
    scalars: joined(rows.map(({ scalars }) => scalars)),
    copies: new Uint8Array(0),
  };
}

async function candidates(
  client: PoolClient,
  sql: SearchSql,
  plan: Plan,
  { bits }: PreparedQuery,
  ahead: Candidate[] | undefined,
): Promise<Candidate[]> {
  const { kind, prefilter, conditions } = plan;
  const fetch = async (ordered: 'index' | 'exact'): Promise<Candidate[]> =>
    await fetchOne(client, sql, candidatesSql(sql, plan, bits, ordered));
  const found = ahead ?? (await fetch(kind === 'exact' ? 'exact' : 'index'));
  if (kind === 'exact' || found.length >= prefilter) return found;
  // The index left some out: unless there are no more, all are looked at.
  if (conditions.length === 0) {
    const { text, values } = countSql(sql, [], prefilter);
    const { rows } = await client.query<{ count: number }>(text, values);
    if (found.length >= rows[0].count) return found;
  }
  await client.query('set local enable_seqscan = on');
  const exact = await fetch('exact');
  await client.query('set local enable_seqscan = off');
  return exact;
}

async function withCopies(
  client: PoolClient,
  sql: SearchSql,
  idType: IdType,
  ids: readonly string[],
): Promise<Candidate[]> {
  const list = `array[${ids.map(literal).join(',')}]::${idType}[]`;
  const text =
    'select c.id::text, c.seq, 0 as distance, null::bytea as bits, null::smallint as scalars, ' +
    `c.${sql.codes.copy} as copy from ${qualified(sql.tables.codes)} c where c.id = any(${list})`;
  return await fetchOne(client, sql, { text, values: [] });
}

/** Payloads of some rows by id. */
export async function payloadsOf(
  client: PoolClient,
  sql: SearchSql,
  idType: IdType,
  ids: readonly string[],
): Promise<Map<string, Hit['payload']>> {
  const { rows } = await client.query<{ id: string; payload: Hit['payload'] | null }>(
    `select c.id::text, ${payloadSql(sql.source)} as payload from ${qualified(sql.tables.codes)} c` +
      `${joinSource(sql.source, 'c')} where c.id = any($1::${idType}[])`,
    [ids],
  );
  return new Map(rows.map(({ id, payload }) => [id, payload ?? undefined]));
}

/** Hits as the contract has them. */
export function asHits(
  found: Found,
  idType: IdType,
  payloads: Map<string, Hit['payload']> | undefined,
): Hit[] {
  return found.hits.map(({ id, score }) =>
    payloads === undefined
      ? { id: idOf(id, idType), score }
      : { id: idOf(id, idType), score, payload: payloads.get(id) },
  );
}

/** The best k, best first: by their copies or, without any, by the cosine that their bits estimate. */
function hitsOf(
  { codec, codes }: SearchSql,
  { k }: Plan,
  query: PreparedQuery,
  rows: readonly Candidate[],
): { id: string; score: number }[] {
  const scored = codes.copy === undefined ? bitScores(codec, query, rows) : rows.map(({ copy }) => copy);
  const ranked = rescoreApart(codec, query, scored, k);
  return Array.from(ranked.rows, (row, place) => ({ id: rows[row].id, score: ranked.scores[place] }));
}

function bitScores(codec: Codec, query: PreparedQuery, rows: readonly Candidate[]): Float64Array {
  const scores = new Float64Array(rows.length);
  bitScorer(codec, query, narrowCodes(rows))(Uint32Array.from(rows.keys()), scores);
  return scores;
}
