/** Pieces of memory kept, and the bytes of the largest. */
const KEPT = 8;
const LARGEST = 4 << 20;
const FIRST = 1 << 16;

/** Memory that an answer is read into. */
export class Scratch {
  #memory = Buffer.allocUnsafeSlow(FIRST);
  #length = 0;

  /** What was added since `clear`; it holds until then. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  get capacity(): number {
    return this.#memory.length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Adds the bytes at `from` to `end`. */
  add(bytes: Buffer, from: number, end: number): void {
    const length = this.#length + end - from;
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#memory.length));
      larger.set(this.bytes);
      this.#memory = larger;
    }
    bytes.copy(this.#memory, this.#length, from, end);
    this.#length = length;
  }
}

const free: Scratch[] = [];

/**
 * Memory for as long as `work` takes, used again by the next: memory of its own for every search takes longer to collect
 * than to fill. Nothing that `work` gives may be a view of it.
 */
export async function withScratch<T>(work: (scratch: Scratch) => Promise<T>): Promise<T> {
  const scratch = free.pop() ?? new Scratch();
  // Where it fails, a connection might still write there.
  const result = await work(scratch);
  if (free.length < KEPT && scratch.capacity <= LARGEST) free.push(scratch);
  return result;
}
