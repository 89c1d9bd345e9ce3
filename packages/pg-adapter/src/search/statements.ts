import type { Codec, Condition } from '@nestbit/core';
import type { CodeColumns } from '../codes/columns.ts';
import { bitParameter, packedBits } from '../codes/wire.ts';
import { type FieldsSql, filterSql, Parameters } from '../filter/filter-sql.ts';
import type { Source } from '../schema/registry.ts';
import type { Tables } from '../schema/tables.ts';
import { qualified, quoted } from '../sql/identifiers.ts';
import type { Plan } from './plan.ts';

/** What the statements of a store's searches are made of. */
export interface SearchSql {
  readonly tables: Tables;
  readonly codec: Codec;
  /** The columns beside the bits. */
  readonly codes: CodeColumns;
  readonly source: Source | undefined;
  /** The quoted schema of pgvector, for its distance; absent without it. */
  readonly extension: string | undefined;
  readonly fields: FieldsSql;
  /** Whether connections take COPY. */
  readonly copies: boolean;
}

export interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** Copies of at most so many times the rows that are rescored come along with the bits: sooner than by a second trip. */
const BOTH_UP_TO = 3;

/** What candidates bring along: all that the later stages need, where that is little enough. */
export function fetchOf(
  { kind, prefilter, rescored }: Pick<Plan, 'kind' | 'prefilter' | 'rescored'>,
  sql: SearchSql,
): { readonly bits: boolean; readonly copy: boolean } {
  // Without copies the bit score is the last stage.
  if (sql.codes.copy === undefined) return { bits: true, copy: false };
  // With nothing to choose among there is no bit score.
  if (prefilter <= rescored) return { bits: false, copy: true };
  // A sort of all rows would carry the copies about.
  const little = kind !== 'exact' && !isSplit(sql) && prefilter <= BOTH_UP_TO * rescored;
  return { bits: true, copy: little };
}

/** Whether the candidates bring all that the later stages need. */
export function fetchesAll(plan: Pick<Plan, 'kind' | 'prefilter' | 'rescored'>, sql: SearchSql): boolean {
  return sql.codes.copy === undefined || fetchOf(plan, sql).copy;
}

/**
 * Hamming candidates of one query: id, seq, distance, bits, scalars, copy; null what is not fetched.
 *
 * @param ordered `index`: as an index scan orders; `exact`: by distance and then by age, over all rows
 */
export function candidatesSql(
  sql: SearchSql,
  plan: Pick<Plan, 'kind' | 'conditions' | 'prefilter' | 'rescored'>,
  query: Uint8Array,
  ordered: 'index' | 'exact',
): Statement {
  const { conditions, prefilter } = plan;
  const fetch = fetchOf(plan, sql);
  const parameters = new Parameters();
  // Without a filter there is no parameter at all, so that several statements can go to the server at once.
  const wanted =
    conditions.length === 0
      ? `x'${Buffer.from(query).toString('hex')}'`
      : `${parameters.add(bitParameter(query))}::bit(${sql.codec.dimensions})`;
  const hamming =
    sql.extension !== undefined
      ? `(b.bits operator(${sql.extension}.<~>) ${wanted})`
      : `bit_count(b.bits # ${wanted})`;
  const filter = filterSql(conditions, sql.fields, parameters);
  // Adding nothing keeps an index out of it: the scan is exact.
  const order = ordered === 'index' ? hamming : `${hamming} + 0, b.seq`;
  const split = isSplit(sql);
  const alone = conditions.length === 0 && sql.source === undefined;
  const bits = fetch.bits ? packedBits('b.bits') : 'null::bytea';
  const scalars = fetch.bits && sql.codes.scalars ? 'b.scalars' : 'null::smallint';
  const copyOf = (table: string): string => (fetch.copy ? `${table}.${sql.codes.copy}` : 'null::bytea');
  // The candidates first, so that copies are read for them only.
  const nearest =
    `select b.id, b.seq, ${hamming}::int as distance, ${bits} as bits, ${scalars} as scalars` +
    `${split ? '' : `, ${copyOf('b')} as copy`} ` +
    `from ${qualified(sql.tables.bits)} b` +
    `${split && !alone && sql.source === undefined ? ` join ${qualified(sql.tables.codes)} c on c.id = b.id` : ''}` +
    `${joinSource(sql.source, 'b', ordered === 'index' ? 'codes' : 'either')} where ${filter} order by ${order} limit ${prefilter}`;
  const copy = split ? `${copyOf('c')} as copy` : 'n.copy';
  const join = split && fetch.copy ? ` join ${qualified(sql.tables.codes)} c on c.id = n.id` : '';
  return {
    text: `select n.id::text, n.seq, n.distance, n.bits, n.scalars, ${copy} from (${nearest}) n${join}`,
    values: parameters.values,
  };
}

function isSplit({ tables }: SearchSql): boolean {
  return tables.bits.name !== tables.codes.name;
}

/** Whether there are at least so many rows that pass. */
export function countSql(sql: SearchSql, conditions: readonly Condition[], limit: number): Statement {
  const parameters = new Parameters();
  const filter = filterSql(conditions, sql.fields, parameters);
  const text =
    `select count(*)::int as count from (select from ${qualified(sql.tables.codes)} c${joinSource(sql.source, 'c', 'either')}` +
    ` where ${filter} limit ${limit}) x`;
  return { text, values: parameters.values };
}

/**
 * The user's own rows that codes belong to: rows that are gone there are not found.
 *
 * @param from which side rows come from. Text keys lie in the order of their collation, so the index of the other side
 *   serves only a comparison in that: `codes`, and `either` for both at the price of a lower estimate of the rows.
 */
export function joinSource(source: Source | undefined, to = 'b', from: 'codes' | 'either' = 'codes'): string {
  if (source === undefined) return '';
  const [left, right] = [`s.${quoted(source.id)}`, `${to}.id`];
  const table = qualified({ schema: source.schema, name: source.table });
  if (source.collation === undefined) return ` join ${table} s on ${left} = ${right}`;
  const both = from === 'either' ? ` and ${right} = ${left} collate "C"` : '';
  return ` join ${table} s on ${left} = ${right} collate ${source.collation}${both}`;
}

/** A row's payload: stored beside the codes, or columns of the user's own table. */
export function payloadSql(source: Source | undefined): string {
  if (source === undefined) return 'c.payload';
  const fields = source.columns.map((column) => `${literal(column)}, to_jsonb(s.${quoted(column)})`);
  return `jsonb_build_object(${fields.join(', ')})`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'::text`;
}
