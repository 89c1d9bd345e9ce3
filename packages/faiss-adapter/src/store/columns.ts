import { type Condition, type Payload, predicateOf, type Turns } from '@nestbit/core';
import { words } from './bitmap.ts';

/** Rows looked at between two checks of the clock. */
const ROWS_AT_ONCE = 1024;

/** One payload field of all rows: the number of its value among the different ones. */
interface Column {
  places: Uint32Array;
  rows: number;
  readonly values: unknown[];
  readonly numbers: Map<unknown, number>;
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
    await this.#load(new Set(conditions.map(({ field }) => field)), rows, payloadOf, turns, signal);
    for (const condition of conditions) {
      const column = this.#columns.get(condition.field) as Column;
      const passes = await test(condition, column, turns, signal);
      for (let row = 0; row < rows; row++) {
        if (row % ROWS_AT_ONCE === 0 && turns.due) await turns.give(signal);
        if (passes[column.places[row]] === 0) halves[row >>> 5] &= ~(1 << (row & 31));
      }
    }
    return pass;
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
      };
      this.#columns.set(field, column);
      if (column.rows < rows) short.push([field, column]);
    }
    if (short.length === 0) return;
    const first = Math.min(...short.map(([, column]) => column.rows));
    for (const [, column] of short) {
      // Another call may have made it longer already.
      if (column.places.length >= rows) continue;
      const grown = new Uint32Array(rows);
      grown.set(column.places);
      column.places = grown;
    }
    for (let row = first; row < rows; row++) {
      if (row % 64 === 0 && turns.due) await turns.give(signal);
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
  const value = payload !== undefined && Object.hasOwn(payload, field) ? (payload[field] ?? null) : null;
  // Objects and arrays are all alike to a filter: they match nothing but `ne`.
  const key = typeof value === 'object' && value !== null ? OBJECT : value;
  const known = column.numbers.get(key);
  if (known !== undefined) return known;
  const number = column.values.length;
  column.values.push(typeof key === 'symbol' ? {} : key);
  column.numbers.set(key, number);
  return number;
}

const OBJECT = Symbol('object');

// Whether each different value passes.
async function test(
  condition: Condition,
  column: Column,
  turns: Turns,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const passes = predicateOf([condition]);
  const results = new Uint8Array(column.values.length);
  for (let i = 0; i < results.length; i++) {
    if (i % ROWS_AT_ONCE === 0 && turns.due) await turns.give(signal);
    results[i] = passes({ [condition.field]: column.values[i] }) ? 1 : 0;
  }
  return results;
}
