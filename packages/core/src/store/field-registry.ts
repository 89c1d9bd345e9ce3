import { NestbitError } from '../errors.ts';
import { type Condition, fieldConditions } from './filter.ts';
import type { Payload } from './payload.ts';

const SHOWN = 20;

/** The fields that a store's payloads have ever had: a filter on another one is a mistake. */
export class FieldRegistry {
  readonly #fields: Set<string>;

  /** @param fields known from before, where a backend keeps them. Default none. */
  constructor(fields: Iterable<string> = []) {
    this.#fields = new Set(fields);
  }

  /** All fields, in no order. */
  get fields(): string[] {
    return [...this.#fields];
  }

  /** Adds the fields of a stored payload; true when one of them is new. */
  add(payload: Payload | undefined): boolean {
    const before = this.#fields.size;
    if (payload !== undefined) for (const field of Object.keys(payload)) this.#fields.add(field);
    return this.#fields.size > before;
  }

  /** Whether a filter can name a field: one there is, or with dots something within one there is. */
  knows(field: string): boolean {
    return this.#fields.has(field) || (field.includes('.') && this.#fields.has(field.split('.', 1)[0]));
  }

  /**
   * For a store that is not empty: in an empty one no field is known yet, and every filter is fine.
   *
   * @throws NestbitError `FILTER_FIELD`
   */
  check(conditions: readonly Condition[]): void {
    for (const { field } of fieldConditions(conditions)) if (!this.knows(field)) throw this.#unknown(field);
  }

  #unknown(field: string): NestbitError {
    const known = this.fields.sort();
    const more = known.length > SHOWN ? `, and ${known.length - SHOWN} more` : '';
    const list = known.length === 0 ? 'none' : known.slice(0, SHOWN).join(', ') + more;
    return new NestbitError(
      'FILTER_FIELD',
      `No stored payload has the field ${JSON.stringify(field)}; there are: ${list}.`,
    );
  }
}
