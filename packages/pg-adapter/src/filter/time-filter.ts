import { type FieldCondition, NestbitError, type Scalar } from '@nestbit/core';
import type { Parameters } from './filter-sql.ts';

export type TimeKind = 'timestamptz' | 'timestamp' | 'date';

const DAY = /^\d{4}-\d\d-\d\d$/;
const MOMENT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?$/;
const OPERATORS = { gte: '>=', gt: '>', lte: '<=', lt: '<' } as const;

export function isTimeKind(kind: string): kind is TimeKind {
  return kind === 'timestamptz' || kind === 'timestamp' || kind === 'date';
}

/**
 * A condition on a column of times, compared by time, whatever the time zone of the session. A column without a time zone is
 * taken to be in UTC where the value has one.
 *
 * @throws NestbitError `FILTER_VALUE` for a value that names no time
 */
export function timeCondition(
  condition: Exclude<FieldCondition, { operator: 'contains' }>,
  column: string,
  kind: TimeKind,
  parameters: Parameters,
): string {
  const compare = (operator: string, value: Scalar): string => {
    const text = checked(condition.field, kind, value);
    const at = parameters.add(text);
    if (kind === 'timestamptz') return `${column} ${operator} ${at}::text::timestamptz`;
    if (kind === 'date' && DAY.test(text)) return `${column} ${operator} ${at}::text::date`;
    const own = kind === 'date' ? `${column}::timestamp` : column;
    const zoned = MOMENT.exec(text)?.[1] !== undefined;
    return `${own} ${operator} ${zoned ? `(${at}::text::timestamptz at time zone 'UTC')` : `${at}::text::timestamp`}`;
  };
  if (condition.operator === 'in') {
    const any = condition.values.map((value) => (value === null ? `${column} is null` : compare('=', value)));
    return any.length === 0 ? 'false' : `(${any.join(' or ')})`;
  }
  const { operator, value } = condition;
  if (operator !== 'ne') return compare(OPERATORS[operator], value);
  return value === null ? `${column} is not null` : `(${compare('is distinct from', value)})`;
}

function checked(field: string, kind: TimeKind, value: Scalar): string {
  const day = typeof value === 'string' && DAY.test(value);
  const moment = typeof value === 'string' ? MOMENT.exec(value) : null;
  const fits = kind === 'timestamptz' ? moment?.[1] !== undefined : day || moment !== null;
  if (fits) return value as string;
  throw new NestbitError(
    'FILTER_VALUE',
    `The filter on ${JSON.stringify(field)} is given ${JSON.stringify(value)}, but the column is of type ${kind}. Give a Date, or text ` +
      `such as ${kind === 'timestamptz' ? '2024-01-05T00:00:00Z, with a time zone' : '2024-01-05 or 2024-01-05T00:00:00'}.`,
  );
}
