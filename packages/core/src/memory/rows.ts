import type { Codec } from '../codec/codec.ts';
import type { Codes, Id } from '../codec/types.ts';
import type { Payload } from '../store/payload.ts';
import type { CodeRows } from '../store/two-stage.ts';

const LEAST_ROOM = 64;
/** Rows moved between two yields of a compaction: well below a millisecond. */
const MOVED_AT_ONCE = 256;

/**
 * Rows in flat arrays that grow by doubling, in the order in which they were written. A removed row, and the
 * old form of one that is written again, leaves a dead place behind, until a compaction closes the gaps; so
 * ties keep going to the row written first.
 */
export class Rows implements CodeRows {
  readonly #codec: Codec;
  #room = 0;
  readonly #places = new Map<Id, number>();
  #live: Uint32Array | undefined;
  /** One a place; undefined: dead. */
  readonly ids: (Id | undefined)[] = [];
  readonly payloads: (Payload | undefined)[] = [];
  /** Room × each width of the codec's layout. */
  bits: Uint8Array = new Uint8Array(0);
  scalars: Uint8Array = new Uint8Array(0);
  copies: Uint8Array = new Uint8Array(0);
  /** Truncated embeddings, room × dimensions, when they are kept. */
  floats: Float32Array | undefined;

  constructor(codec: Codec, keepFloats: boolean) {
    this.#codec = codec;
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
    const { dimensions: n, layout } = this.#codec;
    const needed = this.end + ids.length;
    if (needed > this.#room) this.#resize(Math.max(needed, 2 * this.#room, LEAST_ROOM));
    this.#live = undefined;
    ids.forEach((id, row) => {
      this.remove(id);
      const at = this.end;
      this.ids.push(id);
      this.#places.set(id, at);
      this.payloads[at] = payloads?.[row];
      const part = (from: Uint8Array, width: number): Uint8Array =>
        from.subarray(row * width, (row + 1) * width);
      this.bits.set(part(codes.bits, layout.bits), at * layout.bits);
      this.scalars.set(part(codes.scalars, layout.scalars), at * layout.scalars);
      this.copies.set(part(codes.copies, layout.copy), at * layout.copy);
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
    const { dimensions, layout } = this.#codec;
    const id = this.ids[from] as Id;
    const move = (values: Uint8Array | Float32Array | undefined, width: number): void => {
      values?.copyWithin(to * width, from * width, (from + 1) * width);
    };
    move(this.bits, layout.bits);
    move(this.scalars, layout.scalars);
    move(this.copies, layout.copy);
    move(this.floats, dimensions);
    this.ids[to] = id;
    this.payloads[to] = this.payloads[from];
    this.#places.set(id, to);
    this.ids[from] = undefined;
    this.payloads[from] = undefined;
  }

  // All arrays are there before the first is replaced: running out of memory leaves the rows as they were.
  #resize(room: number): void {
    const { dimensions, layout } = this.#codec;
    const memory = this.#codec.allocate(room);
    const floats = this.floats === undefined ? undefined : new Float32Array(room * dimensions);
    memory.bits.set(this.bits.subarray(0, this.end * layout.bits));
    memory.scalars.set(this.scalars.subarray(0, this.end * layout.scalars));
    memory.copies.set(this.copies.subarray(0, this.end * layout.copy));
    floats?.set((this.floats as Float32Array).subarray(0, this.end * dimensions));
    Object.assign(this, memory);
    this.floats = floats;
    this.#room = room;
  }

  /** The codes of one place, copies. */
  codes(at: number): { readonly bits: Uint8Array; readonly scalars: Uint8Array; readonly copy: Uint8Array } {
    const { bits, scalars, copy } = this.#codec.layout;
    return {
      bits: this.bits.slice(at * bits, (at + 1) * bits),
      scalars: this.scalars.slice(at * scalars, (at + 1) * scalars),
      copy: this.copies.slice(at * copy, (at + 1) * copy),
    };
  }
}
