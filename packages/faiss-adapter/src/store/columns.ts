import {
  type Condition,
  type FieldCondition,
  fieldConditions,
  fieldValue,
  type Payload,
  type Turns,
  valueTest,
} from '@nestbit/core';
import { words } from './bitmap.ts';

/** Rows looked at between two checks of the clock. */
const ROWS_AT_ONCE = 1024;

/** One payload field of all rows: the number of its value among the different ones. */
interface Column {
  places: Uint32Array;
  rows: number;
  readonly values: unknown[];
  readonly numbers: Map<unknown, number>;
  /** Of arrays, by the JSON of the elements that a filter can ask for. */
  readonly arrays: Map<string, number>;
}

/**
 * The payload fields that filters have asked for, in memory: 4 bytes a row and field, and each different value
 * once. The first filter on a field reads all payloads; later ones are quick.
 */
export class Columns {
  readonly #columns = new Map<string, Column>();

  /**
   * The rows that pass, among those of `alive` (absent: all).
   *
   * @param payloadOf the payload of a row, dead ones too
   */
  async passing(
    conditions: readonly Condition[],
    rows: number,
    alive: BigUint64Array | undefined,
    payloadOf: (row: number) => Payload | undefined,
    turns: Turns,
    signal: AbortSignal | undefined,
  ): Promise<BigUint64Array> {
    const pass = new BigUint64Array(words(rows));
    const halves = new Uint32Array(pass.buffer);
    if (alive === undefined) for (let row = 0; row < rows; row++) halves[row >>> 5] |= 1 << (row & 31);
    else pass.set(alive.subarray(0, pass.length));
    const fields = fieldConditions(conditions);
    await this.#load(new Set(fields.map(({ field }) => field)), rows, payloadOf, turns, signal);
    const tests = new Map<FieldCondition, Uint8Array>();
    for (const condition of fields) {
      const column = this.#columns.get(condition.field) as Column;
      tests.set(condition, await testValues(condition, column, turns, signal));
    }
    const passes = this.#rowTest(conditions, tests);
    for (let row = 0; row < rows; row++) {
      if (row % ROWS_AT_ONCE === 0 && turns.due) await turns.give(signal);
      if (!passes(row)) halves[row >>> 5] &= ~(1 << (row & 31));
    }
    return pass;
  }

  // Conditions as a function of the row, over what each different value of a column gave.
  #rowTest(
    conditions: readonly Condition[],
    tests: ReadonlyMap<FieldCondition, Uint8Array>,
  ): (row: number) => boolean {
    const all = conditions.map((condition): ((row: number) => boolean) => {
      if (condition.operator === 'or') {
        const branches = condition.branches.map((branch) => this.#rowTest(branch, tests));
        return (row) => branches.some((passes) => passes(row));
      }
      if (condition.operator === 'not') {
        const passes = this.#rowTest(condition.conditions, tests);
        return (row) => !passes(row);
      }
      const { places } = this.#columns.get(condition.field) as Column;
      const results = tests.get(condition) as Uint8Array;
      return (row) => results[places[row]] !== 0;
    });
    return all.length === 1 ? all[0] : (row) => all.every((passes) => passes(row));
  }

  // Brings the columns of some fields up to `rows`. Dead rows too: another view, which shares the columns, may still
  // show them.
  async #load(
    fields: Set<string>,
    rows: number,
    payloadOf: (row: number) => Payload | undefined,
    turns: Turns,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const short: [string, Column][] = [];
    for (const field of fields) {
      const column = this.#columns.get(field) ?? {
        places: new Uint32Array(0),
        rows: 0,
        values: [],
        numbers: new Map(),
        arrays: new Map(),
      };
      this.#columns.set(field, column);
      if (column.rows < rows) short.push([field, column]);
    }
    if (short.length === 0) return;
    const loaded = (): number => Math.min(...short.map(([, column]) => column.rows));
    const first = loaded();
    for (const [, column] of short) {
      // Another call may have made it longer already.
      if (column.places.length >= rows) continue;
      const grown = new Uint32Array(rows);
      grown.set(column.places);
      column.places = grown;
    }
    for (let row = first; row < rows; row++) {
      if (row % 64 === 0 && turns.due) {
        await turns.give(signal);
        // Searches that load the same columns meanwhile share the work: none reads a payload that another has read.
        row = Math.max(row, loaded());
        if (row >= rows) break;
      }
      const payload = payloadOf(row);
      for (const [field, column] of short) {
        // Another call may have brought it further meanwhile.
        if (row < column.rows) continue;
        column.places[row] = numberOf(column, payload, field);
        column.rows = row + 1;
      }
    }
  }
}

function numberOf(column: Column, payload: Payload | undefined, field: string): number {
  const value = fieldValue(payload, field);
  if (Array.isArray(value)) {
    const elements = value.filter((element) => typeof element !== 'object' || element === null);
    return numbered(column, column.arrays, JSON.stringify(elements), elements);
  }
  // Objects are all alike to a filter: they match nothing but `ne`.
  return typeof value === 'object' && value !== null
    ? numbered(column, column.numbers, OBJECT, {})
    : numbered(column, column.numbers, value, value);
}

const OBJECT = Symbol('object');

function numbered<K>(column: Column, numbers: Map<K, number>, key: K, value: unknown): number {
  const known = numbers.get(key);
  if (known !== undefined) return known;
  const number = column.values.push(value) - 1;
  numbers.set(key, number);
  return number;
}

// Whether each different value passes.
async function testValues(
  condition: FieldCondition,
  column: Column,
  turns: Turns,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const passes = valueTest(condition);
  const results = new Uint8Array(column.values.length);
  for (let i = 0; i < results.length; i++) {
    if (i % ROWS_AT_ONCE === 0 && turns.due) await turns.give(signal);
    results[i] = passes(column.values[i]) ? 1 : 0;
  }
  return results;
}
