import { NestbitError, wrongType } from '../errors.ts';
import { exactNumber, isPlainObject, storableText } from './payload.ts';

export type Scalar = string | number | boolean | null;

export interface Operators {
  readonly in?: readonly (Scalar | Date)[];
  readonly gte?: string | number | Date;
  readonly gt?: string | number | Date;
  readonly lte?: string | number | Date;
  readonly lt?: string | number | Date;
  readonly ne?: Scalar | Date;
  /** The field is an array, and one of its elements equals this value. */
  readonly contains?: Scalar;
}

/**
 * Conditions on payload fields, all of which must hold: `{ lang: 'en', year: { gte: 2016, lt: 2019 } }`.
 *
 * A missing field counts as null. A value and `in` match what is equal and of the same type; `ne` matches
 * everything else (SQL `is distinct from`). The ranges compare numbers with numbers and text with text, by
 * code point; other types never match them. `contains` matches arrays only. Objects and arrays match nothing
 * else but `ne`. A Date stands for its ISO text, as it does in a payload that was stored as JSON.
 *
 * A dot reaches into objects: `{ 'author.name': 'Ann' }`. A field whose own name is `author.name` goes first.
 *
 * `and` and `or` take an array of filters, `not` takes one filter:
 * `{ or: [{ lang: 'en' }, { not: { tags: { contains: 'draft' } } }] }`. A payload field that is itself named
 * `not` can only be compared with a value.
 */
export type Filter = { readonly [field: string]: Scalar | Date | Operators | Filter | readonly Filter[] };

/** A condition on one field. */
export type FieldCondition =
  | { readonly field: string; readonly operator: 'in'; readonly values: readonly Scalar[] }
  | { readonly field: string; readonly operator: 'ne'; readonly value: Scalar }
  | { readonly field: string; readonly operator: 'contains'; readonly value: Scalar }
  | {
      readonly field: string;
      readonly operator: 'gte' | 'gt' | 'lte' | 'lt';
      readonly value: string | number;
    };

/** One condition of a filter in a plain form that a backend can also turn into SQL. */
export type Condition =
  | FieldCondition
  /** At least one branch passes; all conditions of a branch must hold. */
  | { readonly operator: 'or'; readonly branches: readonly (readonly Condition[])[] }
  /** The conditions do not all hold. */
  | { readonly operator: 'not'; readonly conditions: readonly Condition[] };

const OPERATORS = ['in', 'gte', 'gt', 'lte', 'lt', 'ne', 'contains'];
const MAX_DEPTH = 100;

/**
 * A filter as a list of conditions, checked; none for `{}`, which every row passes.
 *
 * @throws NestbitError `FILTER_FIELD`, `FILTER_OPERATOR`, `FILTER_VALUE`; TypeError when the filter is not a plain
 * object
 */
export function parseFilter(filter: Filter): Condition[] {
  return parse(filter, 0);
}

function parse(filter: Filter, depth: number): Condition[] {
  // A Map, say, has no fields of its own and would pass every row.
  if (!isPlainObject(filter)) throw wrongType('filter must be a plain object { field: value or operators }');
  if (depth > MAX_DEPTH)
    throw new NestbitError(
      'FILTER_VALUE',
      `The filter is nested more than ${MAX_DEPTH} deep, or contains itself; write it flatter.`,
    );
  return Object.entries(filter).flatMap(([field, wanted]): Condition[] => {
    if (Array.isArray(wanted) && (field === 'and' || field === 'or')) {
      const branches = Array.from(wanted, (branch) => parse(branch as Filter, depth + 1));
      return field === 'and' ? branches.flat() : [{ operator: 'or', branches }];
    }
    if (field === 'not' && isPlainObject(wanted))
      return [{ operator: 'not', conditions: parse(wanted as Filter, depth + 1) }];
    checkField(field);
    if (!isPlainObject(wanted)) return [{ field, operator: 'in', values: [scalar(field, 'value', wanted)] }];
    const operators = Object.entries(wanted);
    if (operators.length === 0) throw badOperator(field, '{}');
    return operators.map(([operator, value]) => condition(field, operator, value));
  });
}

/** The conditions on fields within a filter, at any depth. */
export function fieldConditions(conditions: readonly Condition[]): FieldCondition[] {
  return conditions.flatMap((condition) => {
    if (condition.operator === 'or') return condition.branches.flatMap(fieldConditions);
    return condition.operator === 'not' ? fieldConditions(condition.conditions) : [condition];
  });
}

function condition(field: string, operator: string, value: unknown): FieldCondition {
  switch (operator) {
    case 'in':
      if (!Array.isArray(value)) throw badValue(field, operator, value, 'an array of values');
      return { field, operator, values: Array.from(value, (item) => scalar(field, operator, item)) };
    case 'ne':
    case 'contains':
      return { field, operator, value: scalar(field, operator, value) };
    case 'gte':
    case 'gt':
    case 'lte':
    case 'lt':
      if (typeof value !== 'string' && typeof value !== 'number' && !(value instanceof Date))
        throw badValue(field, operator, value, 'a number or text');
      // A bound that was rounded is still the nearest number, so any finite one will do.
      return {
        field,
        operator,
        value:
          typeof value === 'number' && Number.isFinite(value)
            ? value
            : (scalar(field, operator, value) as string),
      };
    default:
      throw badOperator(field, operator);
  }
}

function checkField(field: string): void {
  if (storableText(field)) return;
  throw new NestbitError(
    'FILTER_FIELD',
    `The filter names the field ${JSON.stringify(field)}; no payload has it, since names hold no NUL and no half of a surrogate pair.`,
  );
}

function scalar(field: string, operator: string, value: unknown): Scalar {
  if (value === null || typeof value === 'boolean') return value;
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  if (typeof value === 'string') {
    if (storableText(value)) return value;
    throw badValue(field, operator, value, 'text without NUL and without half a surrogate pair');
  }
  if (typeof value === 'number' && Number.isFinite(value)) {
    if (exactNumber(value)) return value;
    throw badValue(
      field,
      operator,
      value,
      'whole numbers up to 2^53, above which two numbers may look the same: store larger ones as text, and filter by text',
    );
  }
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
