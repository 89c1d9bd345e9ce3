import type { Codes } from '../codec/types.ts';

/** Codes appended batch by batch into flat arrays that grow by half. */
export class CodeBuffer {
  readonly #dimensions: number;
  #rows = 0;
  #bits: Uint8Array = new Uint8Array(0);
  #int8: Int8Array = new Int8Array(0);

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
  }

  get rows(): number {
    return this.#rows;
  }

  /** At least rows × dimensions / 8. */
  get bits(): Uint8Array {
    return this.#bits;
  }

  /** At least rows × dimensions. */
  get int8(): Int8Array {
    return this.#int8;
  }

  append(codes: Codes): void {
    const n = this.#dimensions;
    const rows = this.#rows + codes.rows;
    if (rows * n > this.#int8.length) {
      const room = Math.max(rows, Math.ceil(this.#rows * 1.5));
      const bits = new Uint8Array((room * n) / 8);
      const int8 = new Int8Array(room * n);
      bits.set(this.#bits);
      int8.set(this.#int8);
      this.#bits = bits;
      this.#int8 = int8;
    }
    this.#bits.set(codes.bits, (this.#rows * n) / 8);
    this.#int8.set(codes.int8, this.#rows * n);
    this.#rows = rows;
  }
}
