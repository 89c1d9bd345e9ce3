import type { Source } from '../source.ts';

/** Every so many rows one is left out of a fit, to measure it on. */
const EVERY = 20;
/** Rows left out at most, and rows that they are searched among. */
const MOST_HELD = 500;
const MOST_SAMPLED = 20_000;

/** Parts a stream of rows into those to fit on and a few to measure on. */
export class HeldOut {
  readonly #width: number;
  readonly #held: Float32Array[] = [];
  readonly #sample: Float32Array[] = [];
  #sampled = 0;
  #seen = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** Rows that came by. */
  get seen(): number {
    return this.#seen;
  }

  /** The rows that were left out. */
  get rows(): Float32Array {
    return joined(this.#held);
  }

  /** The first rows that were not. */
  get sample(): Float32Array {
    return joined(this.#sample);
  }

  /** Takes rows × width; returns those to fit on. */
  take(vectors: Float32Array): Float32Array {
    const width = this.#width;
    const kept = new Float32Array(vectors.length);
    let length = 0;
    for (let at = 0; at < vectors.length; at += width) {
      const row = vectors.subarray(at, at + width);
      if (this.#seen++ % EVERY === EVERY - 1 && this.#held.length < MOST_HELD) {
        this.#held.push(row.slice());
      } else {
        kept.set(row, length);
        length += width;
      }
    }
    const part = kept.subarray(0, length);
    const room = (MOST_SAMPLED - this.#sampled) * width;
    if (room > 0) {
      const more = part.slice(0, room);
      this.#sample.push(more);
      this.#sampled += more.length / width;
    }
    return part;
  }
}

/** All rows to fit on, in memory. */
export async function readRows(source: Source, held: HeldOut, signal: AbortSignal): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for await (const { vectors } of source.batches(signal)) parts.push(held.take(vectors));
  return joined(parts);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
