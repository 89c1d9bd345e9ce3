/** Byte strings one after another, and where each ends. */
export interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
}

/** Room for the first strings, in bytes each. */
const GUESS = 64;

/** Packs byte strings into one buffer, which grows; no object a string. */
export class Packer {
  /** What is packed so far, and room behind it. */
  bytes: Buffer<ArrayBuffer>;
  #length = 0;
  #count = 0;
  readonly #ends: Uint32Array<ArrayBuffer>;

  /** @param count strings to come */
  constructor(count: number) {
    this.bytes = Buffer.allocUnsafeSlow(count * GUESS);
    this.#ends = new Uint32Array(count);
  }

  /** Adds a string of some bytes, to be written into `bytes` from the offset that it gives. */
  add(length: number): number {
    const offset = this.#length;
    this.#length += length;
    if (this.#length > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(this.#length * 2);
      this.bytes.copy(grown, 0, 0, offset);
      this.bytes = grown;
    }
    this.#ends[this.#count] = this.#length;
    this.#count++;
    return offset;
  }

  /** What was packed; its buffers are those of the packer. */
  finish(): Packed {
    return { bytes: new Uint8Array(this.bytes.buffer, 0, this.#length), ends: this.#ends };
  }
}
