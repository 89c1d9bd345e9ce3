import type { PoolClient, QueryResult } from 'pg';
import { copiedOut } from '../connection/copy-out.ts';
import type { Scratch } from '../connection/scratch.ts';
import { type Candidate, type CandidateRow, candidateOf, candidatesOfCopies } from './candidates.ts';
import type { SearchSql, Statement } from './statements.ts';

/** What goes along in the same round trip, each ended by a semicolon. */
export interface Along {
  /** Such as `begin;`. */
  readonly before?: string;
  /** Such as `commit;`. */
  readonly after?: string;
}

/**
 * The candidates of each of some statements without parameters, in one round trip.
 *
 * @param scratch memory that the codes of candidates may be views of. Default: new
 */
export async function fetchTogether(
  client: PoolClient,
  { copies }: SearchSql,
  statements: readonly string[],
  { before = '', after = '' }: Along = {},
  scratch?: Scratch,
): Promise<Candidate[][]> {
  const send = (each: (statement: string) => string): string =>
    `${before}${statements.map((statement) => `${each(statement)};`).join('')}${after}`;
  if (copies) {
    const text = send((statement) => `copy (${statement}) to stdout (format binary)`);
    return candidatesOfCopies(await copiedOut(client, text, scratch));
  }
  const answer: QueryResult | QueryResult[] = await client.query(send((text) => text));
  const results = Array.isArray(answer) ? answer : [answer];
  const end = results.length - (after === '' ? 0 : 1);
  return results.slice(end - statements.length, end).map(({ rows }) => rows.map(candidateOf));
}

/** The candidates of one statement. */
export async function fetchOne(
  client: PoolClient,
  sql: SearchSql,
  { text, values }: Statement,
): Promise<Candidate[]> {
  if (values.length === 0) return (await fetchTogether(client, sql, [text]))[0];
  const { rows } = await client.query<CandidateRow>(text, values);
  return rows.map(candidateOf);
}
