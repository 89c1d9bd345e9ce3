import type { Codes, Id } from '../codec/types.ts';
import type { Payload } from '../store/payload.ts';

const LEAST_ROOM = 64;
/** Rows moved between two yields of a compaction: well below a millisecond. */
const MOVED_AT_ONCE = 256;

/**
 * Rows in flat arrays that grow by doubling, in the order in which they were written. A removed row, and the
 * old form of one that is written again, leaves a dead place behind, until a compaction closes the gaps; so
 * ties keep going to the row written first.
 */
export class Rows {
  readonly #dimensions: number;
  readonly #places = new Map<Id, number>();
  #live: Uint32Array | undefined;
  /** One a place; undefined: dead. */
  readonly ids: (Id | undefined)[] = [];
  readonly payloads: (Payload | undefined)[] = [];
  /** room × dimensions / 8 */
  bits: Uint8Array = new Uint8Array(0);
  /** room × dimensions */
  int8: Int8Array = new Int8Array(0);
  /** Truncated embeddings, room × dimensions, when they are kept. */
  floats: Float32Array | undefined;

  constructor(dimensions: number, keepFloats: boolean) {
    this.#dimensions = dimensions;
    if (keepFloats) this.floats = new Float32Array(0);
  }

  /** Rows stored. */
  get length(): number {
    return this.#places.size;
  }

  /** Places in use, dead ones too. */
  get end(): number {
    return this.ids.length;
  }

  place(id: Id): number | undefined {
    return this.#places.get(id);
  }

  /** The places of rows, ascending; undefined: all up to `end`. */
  live(): Uint32Array | undefined {
    if (this.length === this.end) return undefined;
    this.#live ??= this.#livePlaces();
    return this.#live;
  }

  /** Writes all rows of a checked batch. */
  write(
    ids: readonly Id[],
    codes: Codes,
    payloads: readonly (Payload | undefined)[] | undefined,
    floats?: Float32Array,
  ): void {
    const n = this.#dimensions;
    const needed = this.end + ids.length;
    if (needed * n > this.int8.length) this.#resize(Math.max(needed, (2 * this.int8.length) / n, LEAST_ROOM));
    this.#live = undefined;
    ids.forEach((id, row) => {
      this.remove(id);
      const at = this.end;
      this.ids.push(id);
      this.#places.set(id, at);
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
    this.#places.delete(id);
    this.ids[at] = undefined;
    this.payloads[at] = undefined;
    this.#live = undefined;
    return true;
  }

  /** Whether most places are dead, so that closing the gaps costs less than the removals did. */
  get sparse(): boolean {
    return this.end > LEAST_ROOM && this.length < this.end / 2;
  }

  /** Closes the gaps. Between its yields `place` is right, and nothing but reads by it may happen. */
  *compact(): Generator<void> {
    let to = 0;
    for (let from = 0; from < this.end; from++) {
      if (this.ids[from] !== undefined) this.#move(from, to++);
      if (from % MOVED_AT_ONCE === 0) yield;
    }
    this.ids.length = to;
    this.payloads.length = to;
    this.#live = undefined;
    this.#resize(Math.max(2 * to, LEAST_ROOM));
  }

  #livePlaces(): Uint32Array {
    const places = new Uint32Array(this.length);
    let count = 0;
    for (let at = 0; at < this.end; at++) if (this.ids[at] !== undefined) places[count++] = at;
    return places;
  }

  #move(from: number, to: number): void {
    if (from === to) return;
    const n = this.#dimensions;
    const id = this.ids[from] as Id;
    this.bits.copyWithin((to * n) / 8, (from * n) / 8, ((from + 1) * n) / 8);
    this.int8.copyWithin(to * n, from * n, (from + 1) * n);
    this.floats?.copyWithin(to * n, from * n, (from + 1) * n);
    this.ids[to] = id;
    this.payloads[to] = this.payloads[from];
    this.#places.set(id, to);
    this.ids[from] = undefined;
    this.payloads[from] = undefined;
  }

  // All arrays are there before the first is replaced: running out of memory leaves the rows as they were.
  #resize(room: number): void {
    const n = this.#dimensions;
    const used = this.end * n;
    const bits = new Uint8Array((room * n) / 8);
    const int8 = new Int8Array(room * n);
    const floats = this.floats === undefined ? undefined : new Float32Array(room * n);
    bits.set(this.bits.subarray(0, used / 8));
    int8.set(this.int8.subarray(0, used));
    floats?.set((this.floats as Float32Array).subarray(0, used));
    this.bits = bits;
    this.int8 = int8;
    this.floats = floats;
  }
}
