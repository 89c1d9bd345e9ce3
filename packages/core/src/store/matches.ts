import type { Condition, FieldCondition, Scalar } from './filter.ts';
import { isPlainObject, type Payload } from './payload.ts';
import { compareText } from './text-order.ts';

/** Whether a payload passes all conditions. For many payloads, `predicateOf` once is quicker. */
export function matches(conditions: readonly Condition[], payload: Payload | undefined): boolean {
  return predicateOf(conditions)(payload);
}

/** Conditions as one function of a payload; the length of an `in` list costs it nothing. */
export function predicateOf(conditions: readonly Condition[]): (payload: Payload | undefined) => boolean {
  const tests = conditions.map(payloadTest);
  return (payload) => {
    for (const passes of tests) if (!passes(payload)) return false;
    return true;
  };
}

function payloadTest(condition: Condition): (payload: Payload | undefined) => boolean {
  if (condition.operator === 'not') {
    const passes = predicateOf(condition.conditions);
    return (payload) => !passes(payload);
  }
  if (condition.operator === 'or') {
    const branches = condition.branches.map(predicateOf);
    return (payload) => branches.some((passes) => passes(payload));
  }
  const passes = valueTest(condition);
  return (payload) => passes(fieldValue(payload, condition.field));
}

/** A condition as a function of the field's value, which is null where the field is missing. */
export function valueTest(condition: FieldCondition): (value: unknown) => boolean {
  switch (condition.operator) {
    case 'in': {
      const wanted = new Set<unknown>(condition.values);
      return (value) => wanted.has(value);
    }
    case 'ne': {
      const unwanted: Scalar = condition.value;
      return (value) => value !== unwanted;
    }
    case 'contains': {
      const wanted: Scalar = condition.value;
      return (value) => Array.isArray(value) && value.includes(wanted);
    }
    case 'gte':
      return ordered(condition.value, (order) => order >= 0);
    case 'gt':
      return ordered(condition.value, (order) => order > 0);
    case 'lte':
      return ordered(condition.value, (order) => order <= 0);
    case 'lt':
      return ordered(condition.value, (order) => order < 0);
  }
}

function ordered(bound: string | number, holds: (order: number) => boolean): (value: unknown) => boolean {
  if (typeof bound === 'number') return (value) => typeof value === 'number' && holds(value - bound);
  return (value) => typeof value === 'string' && holds(compareText(value, bound));
}

/**
 * What a filter sees of a payload: the field of this name or, for a name with dots, what lies there inside objects;
 * null where it is missing. Own fields only, so that `constructor` is a field like any other.
 */
export function fieldValue(payload: Payload | undefined, field: string): unknown {
  if (payload === undefined) return null;
  if (Object.hasOwn(payload, field)) return payload[field] ?? null;
  if (!field.includes('.')) return null;
  let value: unknown = payload;
  for (const name of field.split('.')) {
    if (!isPlainObject(value) || !Object.hasOwn(value, name)) return null;
    value = value[name];
  }
  return value ?? null;
}
