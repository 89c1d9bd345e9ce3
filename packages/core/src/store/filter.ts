import { NestbitError } from '../errors.ts';

export type Scalar = string | number | boolean | null;
/** A JSON object. */
export type Payload = { readonly [field: string]: unknown };

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
 * @throws NestbitError `FILTER_OPERATOR`, `FILTER_VALUE`
 */
export function parseFilter(filter: Filter): Condition[] {
  if (!isObject(filter)) throw new TypeError('filter must be an object { field: value or operators }');
  return Object.entries(filter).flatMap(([field, wanted]): Condition[] => {
    if (!isObject(wanted)) return [{ field, operator: 'in', values: [scalar(field, wanted)] }];
    const operators = Object.entries(wanted);
    if (operators.length === 0) throw badOperator(field, '{}');
    return operators.map(([operator, value]) => condition(field, operator, value));
  });
}

function condition(field: string, operator: string, value: unknown): Condition {
  switch (operator) {
    case 'in':
      if (!Array.isArray(value)) throw badValue(field, operator, value, 'an array of values');
      return { field, operator, values: value.map((item) => scalar(field, item)) };
    case 'ne':
      return { field, operator, value: scalar(field, value) };
    case 'gte':
    case 'gt':
    case 'lte':
    case 'lt':
      if (typeof value !== 'string' && typeof value !== 'number')
        throw badValue(field, operator, value, 'a number or text');
      return { field, operator, value: scalar(field, value) as string | number };
    default:
      throw badOperator(field, operator);
  }
}

function scalar(field: string, value: unknown): Scalar {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw badValue(field, 'value', value, 'text, a finite number, true, false or null');
}

/** Whether a payload passes all conditions. */
export function matches(conditions: readonly Condition[], payload: Payload | undefined): boolean {
  return conditions.every((condition) => {
    const value = fieldOf(payload, condition.field);
    switch (condition.operator) {
      case 'in':
        return condition.values.includes(value as Scalar);
      case 'ne':
        return value !== condition.value;
      default:
        if (typeof value !== typeof condition.value) return false;
        return holds(compare(value as string | number, condition.value), condition.operator);
    }
  });
}

function holds(order: number, operator: 'gte' | 'gt' | 'lte' | 'lt'): boolean {
  if (operator === 'gte') return order >= 0;
  if (operator === 'gt') return order > 0;
  return operator === 'lte' ? order <= 0 : order < 0;
}

// Own fields only, so that `constructor` is a field like any other.
function fieldOf(payload: Payload | undefined, field: string): unknown {
  return payload !== undefined && Object.hasOwn(payload, field) ? (payload[field] ?? null) : null;
}

// Text by code point, as UTF-8 bytes and Postgres' collation "C" order it; JavaScript's < is by UTF-16 unit.
function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number') return a - (b as number);
  return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
}

/** The fields that a store's payloads have ever had: a filter on another one is a mistake. */
export class FieldRegistry {
  readonly #fields = new Set<string>();

  add(payload: Payload | undefined): void {
    for (const field in payload) this.#fields.add(field);
  }

  /** @throws NestbitError `FILTER_FIELD` */
  check(conditions: readonly Condition[]): void {
    for (const { field } of conditions) {
      if (this.#fields.has(field)) continue;
      const known = [...this.#fields].sort().slice(0, 20).join(', ');
      throw new NestbitError(
        'FILTER_FIELD',
        `No stored payload has the field ${JSON.stringify(field)}; there are: ${known === '' ? 'none' : known}.`,
      );
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
    `The filter on ${JSON.stringify(field)} (${operator}) is given ${String(value)}; it takes ${wanted}.`,
  );
}
