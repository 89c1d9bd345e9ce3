import { NestbitError, wrongType } from '../errors.ts';
import { Turns } from './turns.ts';

/**
 * A JSON object: text, finite numbers, booleans, null, arrays and plain objects, at any depth to 100. Text and names
 * hold no NUL and no half of a surrogate pair, and whole numbers lie within ±(2^53 − 1), or are 10^21 and more: what a store
 * would lose or change is refused.
 */
export type Payload = { readonly [field: string]: unknown };

const MAX_DEPTH = 100;
/** Values in one payload: an object that stands in many places is counted, and stored, in each. */
const MAX_VALUES = 1_000_000;
/** Payloads checked between two looks at the event loop. */
const ROWS_AT_ONCE = 64;

/**
 * Checks the payloads of a batch, so that every store gives back what it was given, whatever it keeps it in.
 *
 * @throws NestbitError `BATCH_SHAPE`, `PAYLOAD_INVALID`
 */
export async function checkPayloads(
  payloads: readonly (Payload | undefined)[] | undefined,
  rows: number,
  turns: Turns = new Turns(),
): Promise<void> {
  if (payloads === undefined) return;
  if (!Array.isArray(payloads)) throw wrongType('payloads must be an array of JSON objects or undefined');
  if (payloads.length !== rows) {
    throw new NestbitError(
      'BATCH_SHAPE',
      `The batch has ${payloads.length} payloads but ${rows} ids; give one a row.`,
    );
  }
  for (let row = 0; row < rows; row++) {
    if (row % ROWS_AT_ONCE === 0 && turns.due) await turns.give();
    const payload: unknown = payloads[row];
    if (payload === undefined) continue;
    if (!isPlainObject(payload)) {
      throw new NestbitError(
        'PAYLOAD_INVALID',
        `The payload in row ${row} is no JSON object; wrap it: { value: … }.`,
      );
    }
    checkJson(payload, row, '', 0, { left: MAX_VALUES });
  }
}

/** A deep copy of a checked payload. */
export function copyPayload(payload: Payload): Payload {
  return copyJson(payload) as Payload;
}

/** Whether a value is an object as a literal or JSON.parse makes it, not a Date, Map, array or the like. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm (a vm context) have its Object.prototype, above which there is nothing either.
  return prototype === null || (!Array.isArray(value) && Object.getPrototypeOf(prototype) === null);
}

/** Whether every store can keep this text: no NUL, and UTF-8 can write it. */
export function storableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** From here on JSON.stringify writes an exponent: such a number was measured, not counted. */
const EXPONENT = 1e21;

/** False for a whole number beyond 2^53 − 1 that JSON writes in digits: the digits may have been rounded. */
export function exactNumber(value: number): boolean {
  return !Number.isInteger(value) || Number.isSafeInteger(value) || Math.abs(value) >= EXPONENT;
}

function checkJson(value: unknown, row: number, path: string, depth: number, values: { left: number }): void {
  if (--values.left < 0) throw bad(row, path, `holds more than ${MAX_VALUES} values`);
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'string') {
    if (storableText(value)) return;
    throw bad(row, path, `has text with ${lost(value)}`);
  }
  if (typeof value === 'number' && Number.isFinite(value)) {
    if (exactNumber(value)) return;
    throw bad(
      row,
      path,
      `has the whole number ${value}, beyond 2^53, where digits get lost; give it as text`,
    );
  }
  if (depth > MAX_DEPTH) throw bad(row, path, `is nested more than ${MAX_DEPTH} deep, or contains itself`);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) checkJson(value[i], row, `${path}[${i}]`, depth + 1, values);
  } else if (isPlainObject(value)) {
    for (const key of Object.keys(value)) {
      if (!storableText(key)) throw bad(row, path, `has a field ${JSON.stringify(key)} with ${lost(key)}`);
      checkJson(value[key], row, `${path}.${key}`, depth + 1, values);
    }
  } else {
    throw bad(row, path, `is ${describe(value)}, which JSON cannot hold`);
  }
}

function lost(text: string): string {
  return text.includes('\0') ? 'a NUL character' : 'half a surrogate pair';
}

function bad(row: number, path: string, what: string): NestbitError {
  const shown = path.length > 60 ? `${path.slice(0, 60)}…` : path;
  return new NestbitError(
    'PAYLOAD_INVALID',
    `The payload in row ${row} ${what} (at ${shown === '' ? 'the top' : shown}); give text, a finite number, true, false, null, ` +
      'an array or a plain object, or leave the field out.',
  );
}

function describe(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value);
  if (typeof value === 'object' && value !== null) return `of class ${value.constructor?.name ?? 'unknown'}`;
  return `a ${typeof value}`;
}

// fromEntries defines properties, so that a key `__proto__` stays a key.
function copyJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyJson);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyJson(inner)]));
}
