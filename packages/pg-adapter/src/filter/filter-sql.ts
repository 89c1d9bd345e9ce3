import { type Condition, NestbitError, type Scalar } from '@nestbit/core';

/** Parameters of a statement, numbered as they come. */
export class Parameters {
  readonly values: unknown[] = [];

  /** The place of a value, such as `$3`. */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/** How the fields of a filter are reached. */
export interface FieldsSql {
  /** A field as jsonb, with SQL's null for one that is not there. */
  json(field: string, parameters: Parameters): string;
  /** A condition in the field's own type, where it has one. */
  own?(condition: Condition, parameters: Parameters): string | undefined;
}

/** Fields of the column `payload`. Names are parameters, whatever stands in them. */
export function payloadFields(table: string): FieldsSql {
  return {
    json: (field, parameters) => `${table}.payload -> ${parameters.add(storable(field, field))}::text`,
  };
}

/**
 * Conditions as SQL that passes exactly the rows that core's `matches` passes; all values are
 * parameters.
 *
 * @throws NestbitError `FILTER_VALUE` for text with a NUL character, which Postgres cannot compare
 */
export function filterSql(
  conditions: readonly Condition[],
  fields: FieldsSql,
  parameters: Parameters,
): string {
  const parts = conditions.map((condition) => {
    for (const value of 'values' in condition ? condition.values : [condition.value]) {
      storable(condition.field, value);
    }
    return (
      fields.own?.(condition, parameters) ??
      jsonCondition(condition, `(${fields.json(condition.field, parameters)})`, parameters)
    );
  });
  return parts.length === 0 ? 'true' : parts.join(' and ');
}

function jsonCondition(condition: Condition, field: string, parameters: Parameters): string {
  const json = (value: Scalar): string => JSON.stringify(value);
  // A missing field counts as null.
  const known = `coalesce(${field}, 'null'::jsonb)`;
  switch (condition.operator) {
    case 'in':
      return `${known} = any(${parameters.add(condition.values.map(json))}::jsonb[])`;
    case 'ne':
      return `${known} <> ${parameters.add(json(condition.value))}::jsonb`;
    default: {
      const operator = { gte: '>=', gt: '>', lte: '<=', lt: '<' }[condition.operator];
      const { value } = condition;
      // `case` keeps the cast from values of other types.
      return typeof value === 'number'
        ? `case jsonb_typeof(${field}) when 'number' then (${field} #>> '{}')::numeric ${operator} ` +
            `${parameters.add(String(value))}::numeric else false end`
        : `case jsonb_typeof(${field}) when 'string' then (${field} #>> '{}') collate "C" ${operator} ` +
            `${parameters.add(value)}::text else false end`;
    }
  }
}

function storable<T extends Scalar>(field: string, value: T): T {
  if (typeof value !== 'string' || (!value.includes('\0') && value.isWellFormed())) return value;
  throw new NestbitError(
    'FILTER_VALUE',
    `The filter on ${JSON.stringify(field)} holds text with a NUL character or half a character; Postgres keeps none.`,
  );
}
