import { type Hit, type PreparedQuery, type Ranked, refine, rescore, throwIfAborted } from '@nestbit/core';
import type { PoolClient } from 'pg';
import { idOf } from '../codes/ids.ts';
import { bitParameter } from '../codes/wire.ts';
import type { IdType } from '../schema/tables.ts';
import { qualified } from '../sql/identifiers.ts';
import type { Plan } from './plan.ts';
import {
  candidatesSql,
  countSql,
  joinSource,
  payloadSql,
  type SearchSql,
  type Statement,
} from './statements.ts';

interface Candidate {
  readonly id: string;
  readonly seq: bigint;
  readonly distance: number;
  /** Bits, or the int8 copy. */
  readonly code: Buffer;
}

/** What one query found, stage by stage; ids as text, best first. */
export interface Found {
  readonly hamming: readonly string[];
  readonly refined: readonly string[];
  readonly hits: readonly { readonly id: string; readonly score: number }[];
}

/** Runs the stages of one query on a connection, within a read-only transaction. */
export async function searchOne(
  client: PoolClient,
  sql: SearchSql,
  idType: IdType,
  plan: Plan,
  query: PreparedQuery,
): Promise<Found> {
  throwIfAborted(plan.signal);
  // With nothing to choose among, one round trip brings the int8 copies at once.
  const direct = plan.prefilter <= plan.rescored;
  const near = await candidates(client, sql, plan, query, direct ? 'int8' : 'bits');
  const hamming = [...near]
    .sort((a, b) => a.distance - b.distance || compare(a.seq, b.seq))
    .map(({ id }) => id);
  // Of ties, the row written first goes first: rows are numbered by age.
  const rows = near.sort((a, b) => compare(a.seq, b.seq));
  const all = Uint32Array.from(rows, (_, row) => row);
  if (direct) {
    const ranked = rescore(query, int8Of(rows), all, plan.k);
    return { hamming, refined: hamming, hits: hitsOf(rows, ranked) };
  }
  const refined = refine(query, joined(rows), all, plan.rescored);
  const ids = Array.from(refined.rows, (row) => rows[row].id);
  const kept = await withInt8(client, sql, idType, ids);
  const places = Uint32Array.from(kept, (_, row) => row);
  return { hamming, refined: ids, hits: hitsOf(kept, rescore(query, int8Of(kept), places, plan.k)) };
}

async function candidates(
  client: PoolClient,
  sql: SearchSql,
  plan: Plan,
  query: PreparedQuery,
  fetch: 'bits' | 'int8',
): Promise<Candidate[]> {
  const bits = bitParameter(query.bits);
  const statement = (ordered: 'index' | 'exact'): Statement =>
    candidatesSql(sql, plan.conditions, bits, plan.prefilter, ordered, fetch);
  if (plan.kind === 'exact') return await run(client, statement('exact'));
  const found = await run(client, statement('index'));
  if (found.length >= plan.prefilter) return found;
  // The index left some out: unless there are no more, all are looked at.
  if (plan.conditions.length === 0) {
    const { text, values } = countSql(sql, [], plan.prefilter);
    const { rows } = await client.query<{ count: number }>(text, values);
    if (found.length >= rows[0].count) return found;
  }
  await client.query('set local enable_seqscan = on');
  const exact = await run(client, statement('exact'));
  await client.query('set local enable_seqscan = off');
  return exact;
}

async function run(client: PoolClient, { text, values }: Statement): Promise<Candidate[]> {
  const { rows } = await client.query<{ id: string; seq: string; distance: number; code: Buffer }>(
    text,
    values,
  );
  return rows.map(({ id, seq, distance, code }) => ({ id, seq: BigInt(seq), distance, code }));
}

async function withInt8(
  client: PoolClient,
  sql: SearchSql,
  idType: IdType,
  ids: readonly string[],
): Promise<Candidate[]> {
  const text =
    `select c.id::text, c.seq, 0 as distance, c.int8 as code from ${qualified(sql.tables.codes)} c ` +
    `where c.id = any($1::${idType}[])`;
  return (await run(client, { text, values: [ids] })).sort((a, b) => compare(a.seq, b.seq));
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

function hitsOf(rows: readonly Candidate[], ranked: Ranked): { id: string; score: number }[] {
  return Array.from(ranked.rows, (row, place) => ({ id: rows[row].id, score: ranked.scores[place] }));
}

function int8Of(rows: readonly Candidate[]): Int8Array {
  return new Int8Array(joined(rows).buffer);
}

function joined(rows: readonly Candidate[]): Uint8Array {
  const width = rows[0]?.code.length ?? 0;
  const all = new Uint8Array(rows.length * width);
  for (const [row, { code }] of rows.entries()) all.set(code, row * width);
  return all;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
