import type { Codec } from '@nestbit/core';

/** Memory for the codes of a batch. */
export interface CodePiece {
  readonly bits: Uint8Array;
  readonly scalars: Uint8Array;
  readonly copies: Uint8Array;
}

/** Pieces kept, and the bytes of all of them. */
const PIECES = 4;
const BYTES = 64 << 20;

/**
 * Memory that batches use one after the other. What the system gives anew it has to clear and map page by page, which
 * can take longer than encoding into it.
 */
export class CodeMemory {
  readonly #layout: Codec['layout'];
  #free: ArrayBuffer[] = [];

  constructor(layout: Codec['layout']) {
    this.#layout = layout;
  }

  /** A piece for so many rows; what stood in it is still there. */
  take(rows: number): CodePiece {
    const { bits, scalars, copy } = this.#layout;
    const bytes = rows * (bits + scalars + copy);
    const fits = this.#free.findIndex(({ byteLength }) => byteLength >= bytes);
    const buffer = fits < 0 ? new ArrayBuffer(bytes) : this.#free.splice(fits, 1)[0];
    return {
      bits: new Uint8Array(buffer, 0, rows * bits),
      scalars: new Uint8Array(buffer, rows * bits, rows * scalars),
      copies: new Uint8Array(buffer, rows * (bits + scalars), rows * copy),
    };
  }

  /** Takes a piece back that nobody reads any more. */
  give({ bits }: CodePiece): void {
    this.#free.push(bits.buffer as ArrayBuffer);
    const kept = (): number => this.#free.reduce((sum, { byteLength }) => sum + byteLength, 0);
    // The largest serve most.
    this.#free.sort((a, b) => a.byteLength - b.byteLength);
    while (this.#free.length > PIECES || kept() > BYTES) this.#free.shift();
  }
}
