import type { Condition, Scalar } from './filter.ts';
import type { Payload } from './payload.ts';
import { compareText } from './text-order.ts';

/** Whether a payload passes all conditions. For many payloads, `predicateOf` once is quicker. */
export function matches(conditions: readonly Condition[], payload: Payload | undefined): boolean {
  return predicateOf(conditions)(payload);
}

/** Conditions as one function of a payload; the length of an `in` list costs it nothing. */
export function predicateOf(conditions: readonly Condition[]): (payload: Payload | undefined) => boolean {
  const tests = conditions.map((condition) => ({ field: condition.field, passes: testOf(condition) }));
  return (payload) => {
    for (const { field, passes } of tests) if (!passes(fieldOf(payload, field))) return false;
    return true;
  };
}

function testOf(condition: Condition): (value: unknown) => boolean {
  switch (condition.operator) {
    case 'in': {
      const wanted = new Set<unknown>(condition.values);
      return (value) => wanted.has(value);
    }
    case 'ne': {
      const unwanted: Scalar = condition.value;
      return (value) => value !== unwanted;
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

// Own fields only, so that `constructor` is a field like any other; a missing one counts as null.
function fieldOf(payload: Payload | undefined, field: string): unknown {
  return payload !== undefined && Object.hasOwn(payload, field) ? (payload[field] ?? null) : null;
}
