import type { Codes, Id } from '../codec/types.ts';
import type { Payload } from '../store/filter.ts';

/** Flat arrays of rows that grow by doubling. A removed row's place is taken by the last one. */
export class Rows {
  readonly #dimensions: number;
  readonly #places = new Map<Id, number>();
  readonly ids: Id[] = [];
  readonly payloads: (Payload | undefined)[] = [];
  bits: Uint8Array = new Uint8Array(0);
  int8: Int8Array = new Int8Array(0);
  /** Truncated embeddings, when they are kept. */
  floats: Float32Array | undefined;

  constructor(dimensions: number, keepFloats: boolean) {
    this.#dimensions = dimensions;
    if (keepFloats) this.floats = new Float32Array(0);
  }

  get length(): number {
    return this.ids.length;
  }

  place(id: Id): number | undefined {
    return this.#places.get(id);
  }

  /** Writes all rows of a checked batch. */
  write(
    ids: readonly Id[],
    codes: Codes,
    payloads: readonly (Payload | undefined)[] | undefined,
    floats?: Float32Array,
  ): void {
    const n = this.#dimensions;
    this.#grow(this.length + ids.length);
    ids.forEach((id, row) => {
      let at = this.#places.get(id);
      if (at === undefined) {
        at = this.length;
        this.ids.push(id);
        this.#places.set(id, at);
      }
      this.payloads[at] = payloads?.[row];
      this.bits.set(codes.bits.subarray((row * n) / 8, ((row + 1) * n) / 8), (at * n) / 8);
      this.int8.set(codes.int8.subarray(row * n, (row + 1) * n), at * n);
      if (floats !== undefined) this.floats?.set(floats.subarray(row * n, (row + 1) * n), at * n);
    });
  }

  /** Removes one row; false when there is none. */
  remove(id: Id): boolean {
    const at = this.#places.get(id);
    if (at === undefined) return false;
    const n = this.#dimensions;
    const last = this.length - 1;
    this.bits.copyWithin((at * n) / 8, (last * n) / 8, ((last + 1) * n) / 8);
    this.int8.copyWithin(at * n, last * n, (last + 1) * n);
    this.floats?.copyWithin(at * n, last * n, (last + 1) * n);
    const moved = this.ids.pop() as Id;
    const payload = this.payloads.pop();
    this.#places.delete(id);
    if (at !== last) {
      this.ids[at] = moved;
      this.payloads[at] = payload;
      this.#places.set(moved, at);
    }
    return true;
  }

  #grow(rows: number): void {
    const n = this.#dimensions;
    if (rows * n <= this.int8.length) return;
    const room = Math.max(rows, (2 * this.int8.length) / n, 64);
    const bits = new Uint8Array((room * n) / 8);
    const int8 = new Int8Array(room * n);
    bits.set(this.bits);
    int8.set(this.int8);
    this.bits = bits;
    this.int8 = int8;
    if (this.floats !== undefined) {
      const floats = new Float32Array(room * n);
      floats.set(this.floats);
      this.floats = floats;
    }
  }
}
