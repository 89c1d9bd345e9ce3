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
  readonly #dimensions: number;
  #free: ArrayBuffer[] = [];

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
  }

  /** A piece for so many rows; what stood in it is still there. */
  take(rows: number): CodePiece {
    const bytes = rows * (this.#dimensions / 8 + this.#dimensions);
    const fits = this.#free.findIndex(({ byteLength }) => byteLength >= bytes);
    const buffer = fits < 0 ? new ArrayBuffer(bytes) : this.#free.splice(fits, 1)[0];
    const split = (rows * this.#dimensions) / 8;
    return {
      bits: new Uint8Array(buffer, 0, split),
      scalars: new Uint8Array(0),
      copies: new Uint8Array(buffer, split, rows * this.#dimensions),
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
