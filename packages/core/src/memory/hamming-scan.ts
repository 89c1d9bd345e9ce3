import { throwIfAborted } from '../errors.ts';
import { Kernels } from '../kernels/kernels.ts';
import { Turns } from '../store/turns.ts';

/** Bytes of codes copied to the kernel at once: a few ten microseconds. */
const BLOCK_BYTES = 131_072;

/** Hamming distances of one query to flat packed rows, by the WebAssembly kernel, in slices. */
export class HammingScan {
  readonly #kernels = new Kernels();
  readonly #turns: Turns;
  readonly #bytes: number;
  readonly #blockRows: number;
  readonly #codes: number;
  readonly #query: number;
  readonly #out: number;

  /**
   * @param bytes of one row
   * @param turns shared with what else the caller computes between scans
   */
  constructor(bytes: number, turns: Turns = new Turns()) {
    this.#turns = turns;
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
    throwIfAborted(signal);
    const out = new Uint16Array(rows);
    for (let first = 0; first < rows; first += this.#blockRows) {
      if (this.#turns.due) await this.#turns.give(signal);
      this.#block(query, bits, first, Math.min(this.#blockRows, rows - first), out);
    }
    return out;
  }

  // The query is set anew each time: another scan may have run since.
  #block(query: Uint8Array, bits: Uint8Array, first: number, rows: number, out: Uint16Array): void {
    const bytes = this.#bytes;
    this.#kernels.bytes(this.#query, bytes).set(query);
    this.#kernels.bytes(this.#codes, rows * bytes).set(bits.subarray(first * bytes, (first + rows) * bytes));
    this.#kernels.run.hamming(this.#codes, rows, bytes, this.#query, this.#out);
    out.set(this.#kernels.uint16(this.#out, rows), first);
  }
}
