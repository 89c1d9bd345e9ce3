import type { BadRow } from './kinds.ts';
import { type Floats, LITTLE, type Parser, parserOf, SWAPPED_LATER } from './parsers.ts';
import type { SourceTable } from './source-table.ts';

/** Rows read from a source, those without a readable embedding told apart. */
export interface SourceRows {
  /** Of the rows with embeddings, as text, in the order in which they were read. */
  readonly ids: readonly string[];
  /** rows × dimensions, row-major; may still hold zeros, NaN or Infinity. */
  readonly embeddings: Float32Array;
  /** Ids whose embedding is NULL. */
  readonly nulls: readonly string[];
  /** Rows of other dimensions, or no vectors at all. */
  readonly bad: readonly BadRow[];
}

/** Memory of embeddings that are encoded already: taking it anew for each batch costs more than reading. */
const spare: Floats[] = [];
const MOST_SPARE = 32;

/** Gives the memory of a batch back, which must not be looked at any more. */
export function recycle({ embeddings }: SourceRows): void {
  if (spare.length < MOST_SPARE) spare.push(floatsIn(embeddings.buffer as ArrayBuffer));
}

function memory(length: number): Floats {
  const at = spare.findIndex(({ values }) => values.length === length);
  return at < 0 ? floatsIn(new ArrayBuffer(4 * length)) : spare.splice(at, 1)[0];
}

function floatsIn(buffer: ArrayBuffer): Floats {
  return { values: new Float32Array(buffer), bytes: Buffer.from(buffer) };
}

/** Collects rows for `SourceRows`. */
export class RowCollector {
  readonly #parse: Parser;
  readonly #swap: boolean;
  readonly #dimensions: number;
  readonly #ids: string[] = [];
  readonly #nulls: string[] = [];
  readonly #bad: BadRow[] = [];
  readonly #into: Floats;

  /** @param capacity rows that it takes */
  constructor({ kind }: SourceTable, dimensions: number, capacity: number) {
    this.#parse = parserOf(kind);
    this.#swap = LITTLE && SWAPPED_LATER.includes(kind);
    this.#dimensions = dimensions;
    this.#into = memory(capacity * dimensions);
  }

  /** Rows taken. */
  get length(): number {
    return this.#ids.length + this.#nulls.length + this.#bad.length;
  }

  /** @param value the column's binary form; null for NULL */
  add(id: string, value: Buffer | null): void {
    if (value === null) {
      this.#nulls.push(id);
      return;
    }
    const at = this.#ids.length * this.#dimensions;
    const fault = this.#parse(value, this.#into, at, this.#dimensions);
    if (fault === undefined) this.#ids.push(id);
    else this.#bad.push({ id, ...fault });
  }

  /** What was collected; afterwards nothing more is. */
  rows(): SourceRows {
    const length = this.#ids.length * this.#dimensions;
    if (this.#swap) this.#into.bytes.subarray(0, 4 * length).swap32();
    return {
      ids: this.#ids,
      embeddings: this.#into.values.subarray(0, length),
      nulls: this.#nulls,
      bad: this.#bad,
    };
  }
}
