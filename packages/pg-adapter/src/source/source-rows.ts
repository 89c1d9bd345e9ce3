import type { BadRow } from './kinds.ts';
import { type Parser, parserOf } from './parsers.ts';
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
const spare: ArrayBuffer[] = [];
const MOST_SPARE = 32;

/** Gives the memory of a batch back, which must not be looked at any more. */
export function recycle({ embeddings }: SourceRows): void {
  if (spare.length < MOST_SPARE) spare.push(embeddings.buffer as ArrayBuffer);
}

function memory(length: number): Float32Array {
  const at = spare.findIndex(({ byteLength }) => byteLength === 4 * length);
  return new Float32Array(at < 0 ? new ArrayBuffer(4 * length) : spare.splice(at, 1)[0]);
}

/** Collects rows for `SourceRows`. */
export class RowCollector {
  readonly #parse: Parser;
  readonly #dimensions: number;
  readonly #ids: string[] = [];
  readonly #nulls: string[] = [];
  readonly #bad: BadRow[] = [];
  readonly #into: Float32Array;

  /** @param capacity rows that it takes */
  constructor({ kind }: SourceTable, dimensions: number, capacity: number) {
    this.#parse = parserOf(kind);
    this.#dimensions = dimensions;
    this.#into = memory(capacity * dimensions);
  }

  /** Rows taken. */
  get length(): number {
    return this.#ids.length + this.#nulls.length + this.#bad.length;
  }

  /**
   * @param bytes with the column's binary form at `from` to `end`, by default all of it; null for NULL
   */
  add(id: string, bytes: Buffer | null, from = 0, end: number = bytes?.length ?? 0): void {
    if (bytes === null) {
      this.#nulls.push(id);
      return;
    }
    const at = this.#ids.length * this.#dimensions;
    const fault = this.#parse(bytes, from, end, this.#into, at, this.#dimensions);
    if (fault === undefined) this.#ids.push(id);
    else this.#bad.push({ id, ...fault });
  }

  /** What was collected; afterwards nothing more is. */
  rows(): SourceRows {
    const length = this.#ids.length * this.#dimensions;
    return {
      ids: this.#ids,
      embeddings: this.#into.subarray(0, length),
      nulls: this.#nulls,
      bad: this.#bad,
    };
  }
}
