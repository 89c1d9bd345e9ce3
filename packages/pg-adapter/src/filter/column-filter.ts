import type { FieldCondition } from '@nestbit/core';
import { quoted } from '../sql/identifiers.ts';
import { type FieldsSql, type Parameters, pathSql } from './filter-sql.ts';
import { isTimeKind, type TimeKind, timeCondition } from './time-filter.ts';

/** Columns whose values a filter can compare as they are; all others are compared as jsonb. */
export type ColumnKind = 'integer' | 'text' | 'uuid' | 'boolean' | 'char' | TimeKind | 'other';

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
/** How jsonb writes a UUID. */
const CANONICAL = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** SQL that gives the kind of column `a` of type `t`: text counts where equal means equal bytes. */
export const COLUMN_KIND = `case
    when t.typname in ('int2', 'int4', 'int8') then 'integer'
    when t.typname in ('text', 'varchar') and coalesce(
      (select collisdeterministic from pg_collation where oid = a.attcollation), false) then 'text'
    when t.typname in ('timestamptz', 'timestamp', 'date') then t.typname
    when t.typname = 'bpchar' then 'char'
    when t.typname in ('uuid', 'bool') then replace(t.typname, 'bool', 'boolean')
    else 'other' end`;

/** Columns of the user's own table. */
export function columnFields(kinds: ReadonlyMap<string, ColumnKind>): FieldsSql {
  const column = (field: string): string => `s.${quoted(field)}`;
  return {
    json: (field, parameters) => {
      if (kinds.has(field)) return `to_jsonb(${column(field)})`;
      const [first, ...names] = field.split('.');
      return pathSql(`to_jsonb(${column(first)})`, names, parameters);
    },
    own: (condition, parameters) =>
      columnCondition(condition, column(condition.field), kinds.get(condition.field) ?? 'other', parameters),
  };
}

/**
 * A condition in the type of its column, so that an index on the column can serve it; it passes the same rows as the
 * comparison of jsonb. Undefined where there is no such form.
 *
 * @param column quoted, with its table
 */
function columnCondition(
  condition: FieldCondition,
  column: string,
  kind: ColumnKind,
  parameters: Parameters,
): string | undefined {
  if (condition.operator === 'contains') return undefined;
  if (isTimeKind(kind)) return timeCondition(condition, column, kind, parameters);
  if (kind === 'char') return charCondition(condition, column, parameters);
  if (condition.operator === 'ne') return undefined;
  if (condition.operator !== 'in') {
    return kind === 'integer' ? integerRange(condition, column, parameters) : undefined;
  }
  if (kind === 'other') return undefined;
  const [type, values] = valuesOf(condition.values, kind);
  const equal = `${column} = any(${parameters.add(values)}::${type}[])`;
  return condition.values.includes(null) ? `(${equal} or ${column} is null)` : equal;
}

/** The values that a column of this kind can have; the others equal nothing in it. */
function valuesOf(
  values: readonly unknown[],
  kind: Exclude<ColumnKind, 'other' | 'char' | TimeKind>,
): [string, unknown[]] {
  switch (kind) {
    case 'integer':
      return [
        'bigint',
        values
          .filter((value): value is number => Number.isInteger(value))
          .map(BigInt)
          .filter((value) => value >= INT64.min && value <= INT64.max)
          .map(String),
      ];
    case 'text':
      return ['text', values.filter((value) => typeof value === 'string')];
    case 'uuid':
      return ['uuid', values.filter((value) => typeof value === 'string' && CANONICAL.test(value))];
    case 'boolean':
      return ['boolean', values.filter((value) => typeof value === 'boolean')];
  }
}

function integerRange(
  {
    operator,
    value,
  }: Extract<FieldCondition, { value: string | number; operator: 'gte' | 'gt' | 'lte' | 'lt' }>,
  column: string,
  parameters: Parameters,
): string {
  // Text never compares with numbers.
  if (typeof value !== 'number') return 'false';
  const up = operator === 'gte' || operator === 'gt';
  const least = operator === 'gte' ? Math.ceil(value) : Math.floor(value) + 1;
  const most = operator === 'lte' ? Math.floor(value) : Math.ceil(value) - 1;
  const bound = BigInt(up ? least : most);
  if (up ? bound > INT64.max : bound < INT64.min) return 'false';
  if (up ? bound <= INT64.min : bound >= INT64.max) return `${column} is not null`;
  return `${column} ${up ? '>=' : '<='} ${parameters.add(String(bound))}::bigint`;
}

/** A column of char(n): blanks at the end do not count. */
function charCondition(
  condition: Exclude<FieldCondition, { operator: 'contains' }>,
  column: string,
  parameters: Parameters,
): string | undefined {
  const text = `(${column}::text collate "C")`;
  const add = (value: unknown): string => `rtrim(${parameters.add(value)}::text)`;
  if (condition.operator === 'in') {
    const texts = condition.values.filter((value) => typeof value === 'string');
    const any = texts.map((value) => `${text} = ${add(value)}`);
    if (condition.values.includes(null)) any.push(`${column} is null`);
    return any.length === 0 ? 'false' : `(${any.join(' or ')})`;
  }
  const { operator, value } = condition;
  if (typeof value !== 'string') return operator === 'ne' ? undefined : 'false';
  if (operator === 'ne') return `${text} is distinct from ${add(value)}`;
  return `${text} ${{ gte: '>=', gt: '>', lte: '<=', lt: '<' }[operator]} ${add(value)}`;
}
