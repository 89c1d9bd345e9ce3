import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../errors.ts';
import { Kernels } from '../kernels/kernels.ts';

/** Bytes of codes scanned between two looks at the event loop: a few milliseconds. */
const SLICE_BYTES = 4 << 20;
const BLOCK_BYTES = 131_072;

/** Hamming distances of one query to flat packed rows, by the WebAssembly kernel, in slices. */
export class HammingScan {
  readonly #kernels = new Kernels();
  readonly #bytes: number;
  readonly #blockRows: number;
  readonly #codes: number;
  readonly #query: number;
  readonly #out: number;

  /** @param bytes of one row */
  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#blockRows = Math.max(1, Math.floor(BLOCK_BYTES / bytes));
    this.#codes = this.#kernels.reserve(this.#blockRows * bytes);
    this.#query = this.#kernels.reserve(bytes);
    this.#out = this.#kernels.reserve(this.#blockRows * 2);
  }

  /** Distances to the first `rows` rows of `bits`. Other work runs between the slices. */
  async distances(
    query: Uint8Array,
    bits: Uint8Array,
    rows: number,
    signal?: AbortSignal,
  ): Promise<Uint16Array> {
    const out = new Uint16Array(rows);
    const sliceRows = Math.max(this.#blockRows, Math.floor(SLICE_BYTES / this.#bytes));
    for (let first = 0; first < rows; first += sliceRows) {
      if (first > 0) await setImmediate();
      throwIfAborted(signal);
      this.#slice(query, bits, first, Math.min(first + sliceRows, rows), out);
    }
    return out;
  }

  #slice(query: Uint8Array, bits: Uint8Array, first: number, end: number, out: Uint16Array): void {
    const bytes = this.#bytes;
    this.#kernels.bytes(this.#query, bytes).set(query);
    for (let row = first; row < end; row += this.#blockRows) {
      const rows = Math.min(this.#blockRows, end - row);
      this.#kernels.bytes(this.#codes, rows * bytes).set(bits.subarray(row * bytes, (row + rows) * bytes));
      this.#kernels.run.hamming(this.#codes, rows, bytes, this.#query, this.#out);
      out.set(this.#kernels.uint16(this.#out, rows), row);
    }
  }
}
