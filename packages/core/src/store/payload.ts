import { NestbitError } from '../errors.ts';
import { Turns } from './turns.ts';

/** A JSON object: strings, finite numbers, booleans, null, arrays and plain objects, at any depth to 100. */
export type Payload = { readonly [field: string]: unknown };

const MAX_DEPTH = 100;
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
  if (!Array.isArray(payloads)) throw new TypeError('payloads must be an array of JSON objects or undefined');
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
    checkJson(payload, row, '', 0);
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

function checkJson(value: unknown, row: number, path: string, depth: number): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (depth > MAX_DEPTH) throw bad(row, path, `is nested more than ${MAX_DEPTH} deep, or contains itself`);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) checkJson(value[i], row, `${path}[${i}]`, depth + 1);
  } else if (isPlainObject(value)) {
    for (const key of Object.keys(value)) checkJson(value[key], row, `${path}.${key}`, depth + 1);
  } else {
    throw bad(row, path, `is ${describe(value)}, which JSON cannot hold`);
  }
}

function bad(row: number, path: string, what: string): NestbitError {
  const shown = path.length > 60 ? `${path.slice(0, 60)}…` : path;
  return new NestbitError(
    'PAYLOAD_INVALID',
    `The payload in row ${row} ${what} (at ${shown}); give text, a finite number, true, false, null, ` +
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
