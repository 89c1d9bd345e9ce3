import { NestbitError } from '../errors.ts';
import { isPlainObject } from './payload.ts';

export type Scalar = string | number | boolean | null;

export interface Operators {
  readonly in?: readonly Scalar[];
  readonly gte?: string | number;
  readonly gt?: string | number;
  readonly lte?: string | number;
  readonly lt?: string | number;
  readonly ne?: Scalar;
}

/**
 * Conditions on payload fields, all of which must hold: `{ lang: 'en', year: { gte: 2016, lt: 2019 } }`.
 *
 * A missing field counts as null. A value and `in` match what is equal and of the same type; `ne` matches
 * everything else (SQL `is distinct from`). The ranges compare numbers with numbers and text with text, by
 * code point; other types never match them. Objects and arrays match nothing but `ne`.
 */
export type Filter = { readonly [field: string]: Scalar | Operators };

/** One condition of a filter in a plain form that a backend can also turn into SQL. */
export type Condition =
  | { readonly field: string; readonly operator: 'in'; readonly values: readonly Scalar[] }
  | { readonly field: string; readonly operator: 'ne'; readonly value: Scalar }
  | {
      readonly field: string;
      readonly operator: 'gte' | 'gt' | 'lte' | 'lt';
      readonly value: string | number;
    };

const OPERATORS = ['in', 'gte', 'gt', 'lte', 'lt', 'ne'];

/**
 * A filter as a flat list of conditions, checked; none for `{}`, which every row passes.
 *
 * @throws NestbitError `FILTER_OPERATOR`, `FILTER_VALUE`; TypeError when the filter is no plain object
 */
export function parseFilter(filter: Filter): Condition[] {
  // A Map, say, has no fields of its own and would pass every row.
  if (!isPlainObject(filter))
    throw new TypeError('filter must be a plain object { field: value or operators }');
  return Object.entries(filter).flatMap(([field, wanted]): Condition[] => {
    if (!isPlainObject(wanted)) return [{ field, operator: 'in', values: [scalar(field, 'value', wanted)] }];
    const operators = Object.entries(wanted);
    if (operators.length === 0) throw badOperator(field, '{}');
    return operators.map(([operator, value]) => condition(field, operator, value));
  });
}

function condition(field: string, operator: string, value: unknown): Condition {
  switch (operator) {
    case 'in':
      if (!Array.isArray(value)) throw badValue(field, operator, value, 'an array of values');
      return { field, operator, values: Array.from(value, (item) => scalar(field, operator, item)) };
    case 'ne':
      return { field, operator, value: scalar(field, operator, value) };
    case 'gte':
    case 'gt':
    case 'lte':
    case 'lt':
      if (typeof value !== 'string' && typeof value !== 'number')
        throw badValue(field, operator, value, 'a number or text');
      return { field, operator, value: scalar(field, operator, value) as string | number };
    default:
      throw badOperator(field, operator);
  }
}

function scalar(field: string, operator: string, value: unknown): Scalar {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw badValue(field, operator, value, 'text, a finite number, true, false or null');
}

function badOperator(field: string, operator: string): NestbitError {
  return new NestbitError(
    'FILTER_OPERATOR',
    `The filter on ${JSON.stringify(field)} has the operator ${operator}; there are: ${OPERATORS.join(', ')}.`,
  );
}

function badValue(field: string, operator: string, value: unknown, wanted: string): NestbitError {
  return new NestbitError(
    'FILTER_VALUE',
    `The filter on ${JSON.stringify(field)} (${operator}) is given ${show(value)}; it takes ${wanted}.`,
  );
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return 'an array';
  return isPlainObject(value) ? 'an object' : `a ${value.constructor?.name ?? 'object'}`;
}
