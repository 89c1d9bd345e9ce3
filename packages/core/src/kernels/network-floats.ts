import { Kernels } from './kernels.ts';

/** Values worked on at a time: they stay in the first-level cache between the passes. */
const BLOCK = 4096;
const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Reads float32 values in the network's order of bytes (big-endian), in which databases send them. */
export class NetworkFloats {
  readonly #kernels = new Kernels();
  readonly #pointer = this.#kernels.reserve(4 * BLOCK);
  readonly #bytes = this.#kernels.bytes(this.#pointer, 4 * BLOCK);
  readonly #values = this.#kernels.float32(this.#pointer, BLOCK);

  /**
   * @param bytes from `from` on 4 × count bytes
   * @param into takes the values from `at` on
   */
  read(bytes: Uint8Array, from: number, into: Float32Array, at: number, count: number): void {
    for (let done = 0; done < count; done += BLOCK) {
      const values = Math.min(BLOCK, count - done);
      this.#bytes.set(new Uint8Array(bytes.buffer, bytes.byteOffset + from + 4 * done, 4 * values));
      if (LITTLE) this.#kernels.run.swap32(this.#pointer, (4 * values + 15) & ~15);
      into.set(values === BLOCK ? this.#values : this.#values.subarray(0, values), at + done);
    }
  }
}
