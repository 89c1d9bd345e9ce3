import type { Condition, FieldCondition, Scalar } from '@nestbit/core';

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
  own?(condition: FieldCondition, parameters: Parameters): string | undefined;
}

/** Fields of the column `payload`. Names are parameters, whatever stands in them. */
export function payloadFields(table: string): FieldsSql {
  return {
    json: (field, parameters) => {
      const own = pathSql(`${table}.payload`, [field], parameters);
      if (!field.includes('.')) return own;
      return `coalesce(${own}, ${pathSql(`${table}.payload`, field.split('.'), parameters)})`;
    },
  };
}

/** What lies within objects under these names; arrays have no names. */
export function pathSql(json: string, names: readonly string[], parameters: Parameters): string {
  return names.reduce((path, name) => `${path} -> ${parameters.add(name)}::text`, json);
}

/** Conditions as SQL that passes exactly the rows that core's `matches` passes; all values are parameters. */
export function filterSql(
  conditions: readonly Condition[],
  fields: FieldsSql,
  parameters: Parameters,
): string {
  const parts = conditions.map((condition) => {
    if (condition.operator === 'or') {
      const branches = condition.branches.map((branch) => `(${filterSql(branch, fields, parameters)})`);
      return branches.length === 0 ? 'false' : `(${branches.join(' or ')})`;
    }
    // A condition on a column that is null may be null too: then the row does not pass it.
    if (condition.operator === 'not')
      return `(${filterSql(condition.conditions, fields, parameters)}) is not true`;
    return (
      fields.own?.(condition, parameters) ??
      jsonCondition(condition, `(${fields.json(condition.field, parameters)})`, parameters)
    );
  });
  return parts.length === 0 ? 'true' : parts.join(' and ');
}

function jsonCondition(condition: FieldCondition, field: string, parameters: Parameters): string {
  const json = (value: Scalar): string => JSON.stringify(value);
  // A missing field counts as null.
  const known = `coalesce(${field}, 'null'::jsonb)`;
  switch (condition.operator) {
    case 'in':
      return `${known} = any(${parameters.add(condition.values.map(json))}::jsonb[])`;
    case 'ne':
      return `${known} <> ${parameters.add(json(condition.value))}::jsonb`;
    case 'contains':
      return (
        `case jsonb_typeof(${field}) when 'array' then ${field} @> ` +
        `${parameters.add(JSON.stringify([condition.value]))}::jsonb else false end`
      );
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
