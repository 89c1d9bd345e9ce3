import type { Codec } from '../codec/codec.ts';
import type { Codes } from '../codec/types.ts';
import type { CodeRows } from '../store/two-stage.ts';

const PARTS = ['bits', 'scalars', 'copies'] as const;

/** Codes appended batch by batch into flat arrays that grow by half; each holds at least the rows so far. */
export class CodeBuffer implements CodeRows {
  readonly #codec: Codec;
  #rows = 0;
  #room = 0;
  bits: Uint8Array = new Uint8Array(0);
  scalars: Uint8Array = new Uint8Array(0);
  copies: Uint8Array = new Uint8Array(0);

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  get rows(): number {
    return this.#rows;
  }

  append(codes: Codes): void {
    const rows = this.#rows + codes.rows;
    if (rows > this.#room) this.#grow(Math.max(rows, Math.ceil(this.#rows * 1.5)));
    const { bits, scalars, copy } = this.#codec.layout;
    this.bits.set(codes.bits, this.#rows * bits);
    this.scalars.set(codes.scalars, this.#rows * scalars);
    this.copies.set(codes.copies, this.#rows * copy);
    this.#rows = rows;
  }

  #grow(room: number): void {
    const memory = this.#codec.allocate(room);
    for (const part of PARTS) {
      memory[part].set(this[part]);
      this[part] = memory[part];
    }
    this.#room = room;
  }
}
