import type { Condition } from '@nestbit/core';
import { packedBits } from '../codes/wire.ts';
import { type FieldSql, filterSql, Parameters } from '../filter/filter-sql.ts';
import type { Source } from '../schema/registry.ts';
import type { Tables } from '../schema/tables.ts';
import { qualified, quoted } from '../sql/identifiers.ts';

/** What the statements of a store's searches are made of. */
export interface SearchSql {
  readonly tables: Tables;
  readonly dimensions: number;
  readonly source: Source | undefined;
  /** Whether pgvector is there, for its distance. */
  readonly pgvector: boolean;
  readonly field: FieldSql;
}

export interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/**
 * Hamming candidates of one query: id, seq, distance, and the bits (for a refine) or the int8 copy.
 *
 * @param ordered `index`: as an index scan orders; `exact`: by distance and then by age, over all rows
 */
export function candidatesSql(
  sql: SearchSql,
  conditions: readonly Condition[],
  query: Buffer,
  limit: number,
  ordered: 'index' | 'exact',
  fetch: 'bits' | 'int8',
): Statement {
  const parameters = new Parameters();
  const wanted = `${parameters.add(query)}::bit(${sql.dimensions})`;
  const hamming = sql.pgvector ? `(b.bits <~> ${wanted})` : `bit_count(b.bits # ${wanted})`;
  const filter = filterSql(conditions, sql.field, parameters);
  // Adding nothing keeps an index out of it: the scan is exact.
  const order = ordered === 'index' ? hamming : `${hamming} + 0, b.seq`;
  const split = sql.tables.bits.name !== sql.tables.codes.name;
  const alone = conditions.length === 0 && sql.source === undefined;
  // The candidates first, so that int8 copies are read for them only.
  const nearest =
    `select b.id, b.seq, ${hamming}::int as distance${fetch === 'bits' ? `, ${packedBits('b.bits')} as code` : ''}` +
    `${fetch === 'int8' && !split ? ', b.int8 as code' : ''} from ${qualified(sql.tables.bits)} b` +
    `${split && !alone && sql.source === undefined ? ` join ${qualified(sql.tables.codes)} c on c.id = b.id` : ''}` +
    `${joinSource(sql.source)} where ${filter} order by ${order} limit ${limit}`;
  const text =
    fetch === 'int8' && split
      ? `select n.id::text, n.seq, n.distance, c.int8 as code from (${nearest}) n join ${qualified(sql.tables.codes)} c on c.id = n.id`
      : `select n.id::text, n.seq, n.distance, n.code from (${nearest}) n`;
  return { text, values: parameters.values };
}

/** Whether there are at least so many rows that pass. */
export function countSql(sql: SearchSql, conditions: readonly Condition[], limit: number): Statement {
  const parameters = new Parameters();
  const filter = filterSql(conditions, sql.field, parameters);
  const text =
    `select count(*)::int as count from (select from ${qualified(sql.tables.codes)} c${joinSource(sql.source, 'c')}` +
    ` where ${filter} limit ${limit}) x`;
  return { text, values: parameters.values };
}

/** The user's own rows that codes belong to: rows that are gone there are not found. */
export function joinSource(source: Source | undefined, to = 'b'): string {
  if (source === undefined) return '';
  return ` join ${qualified({ schema: source.schema, name: source.table })} s on s.${quoted(source.id)} = ${to}.id`;
}

/** A row's payload: stored beside the codes, or columns of the user's own table. */
export function payloadSql(source: Source | undefined): string {
  if (source === undefined) return 'c.payload';
  const fields = source.columns.map((column) => `${literal(column)}, to_jsonb(s.${quoted(column)})`);
  return `jsonb_build_object(${fields.join(', ')})`;
}

/** A field of the user's own table. */
export const columnField: FieldSql = (field) => `to_jsonb(s.${quoted(field)})`;

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'::text`;
}
