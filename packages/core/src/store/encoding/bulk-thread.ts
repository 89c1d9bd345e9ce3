import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { Codec, CodeMemory } from '../../codec/codec.ts';
import { startThread } from '../../thread.ts';
import { SLOTS, type SliceDone, type SliceTask, slotMemory, slotViews } from './slots.ts';

/** Large batches so close to each other are a load; a thread that has had nothing to do for so long ends. In ms. */
const IDLE = 5000;

/**
 * A thread that encodes slices of large batches, so that the main thread can send one batch while the next is
 * encoded. It keeps no process alive but for the slices that it has.
 */
export class BulkThread {
  readonly #memory = slotMemory();
  readonly #worker: Worker;
  readonly #known = new Set<string>();
  readonly #free: number[] = [];
  readonly #wanted: ((slot: number | undefined) => void)[] = [];
  readonly #running = new Map<number, (done: number | undefined) => void>();
  readonly #ended: (wasUp: boolean) => void;
  #idle: NodeJS.Timeout | undefined;
  #state: 'starting' | 'up' | 'over' = 'starting';

  /** @param ended hears that it will encode no more, and whether it ever could */
  constructor(ended: (wasUp: boolean) => void) {
    this.#ended = ended;
    this.#worker = startThread(import.meta.url, 'bulk-worker', this.#memory);
    this.#worker.on('message', (message: 'ready' | SliceDone) => {
      if (message === 'ready') this.#start();
      else this.#running.get(message.slot)?.(message.saturated);
    });
    // Without it the main thread does the work, as it would on a machine of one processor.
    this.#worker.on('error', () => this.#end());
    this.#worker.on('exit', () => this.#end());
  }

  /** Whether it takes slices. */
  get up(): boolean {
    return this.#state === 'up';
  }

  /**
   * A slot for a slice, as soon as there is one; nothing while the thread starts and after its end. What waits for the
   * event loop goes first: filling all slots at once would hold it up for milliseconds.
   */
  async slot(): Promise<number | undefined> {
    if (!this.up) return undefined;
    await setImmediate();
    if (!this.up) return undefined;
    return this.#free.pop() ?? (await new Promise((resolve) => this.#wanted.push(resolve)));
  }

  /**
   * Encodes a slice in a slot; who has the slot calls this once. The embeddings are read before it returns.
   *
   * @returns how many values lay outside their ranges; nothing when the slice was not encoded
   */
  async encode(
    slot: number,
    codec: Codec,
    embeddings: Float32Array,
    into: CodeMemory,
  ): Promise<number | undefined> {
    const { fingerprint, inputDimensions, settings } = codec;
    const rows = embeddings.length / inputDimensions;
    const views = slotViews(this.#memory, slot, rows, codec);
    views.embeddings.set(embeddings);
    const done = new Promise<number | undefined>((resolve) => this.#running.set(slot, resolve));
    this.#worker.ref();
    clearTimeout(this.#idle);
    this.#worker.postMessage({
      slot,
      rows,
      fingerprint,
      settings: this.#known.has(fingerprint) ? undefined : settings,
    } satisfies SliceTask);
    this.#known.add(fingerprint);
    if (this.#over) this.#running.get(slot)?.(undefined);
    const saturated = await done;
    if (saturated !== undefined) {
      into.bits.set(views.bits);
      into.scalars.set(views.scalars);
      into.copies.set(views.copies);
    }
    this.#giveBack(slot);
    return saturated;
  }

  /** Ends the thread; slices that it has are given back as not encoded. */
  end(): void {
    this.#end();
    void this.#worker.terminate();
  }

  get #over(): boolean {
    return this.#state === 'over';
  }

  #start(): void {
    this.#state = 'up';
    // Not earlier: Node takes the reference back when the thread comes up.
    this.#worker.unref();
    for (let slot = 0; slot < SLOTS; slot++) this.#free.push(slot);
  }

  #giveBack(slot: number): void {
    this.#running.delete(slot);
    const next = this.#wanted.shift();
    if (next !== undefined) next(this.#over ? undefined : slot);
    else this.#free.push(slot);
    if (this.#running.size > 0 || this.#over) return;
    this.#worker.unref();
    this.#idle = setTimeout(() => this.end(), IDLE).unref();
  }

  #end(): void {
    if (this.#over) return;
    const wasUp = this.up;
    this.#state = 'over';
    clearTimeout(this.#idle);
    this.#ended(wasUp);
    for (const resolve of this.#running.values()) resolve(undefined);
    for (const resolve of this.#wanted.splice(0)) resolve(undefined);
  }
}

let thread: BulkThread | undefined;
let lastBatch = Number.NEGATIVE_INFINITY;
/** Not where a program was bundled without the worker's file, or may start no threads. */
let possible = availableParallelism() > 1;

/**
 * The process's thread for large batches, which is told of each of them: from the second one on that follows another
 * soon there is one, where there is a processor for it.
 */
export function bulkThread(): BulkThread | undefined {
  const now = performance.now();
  const follows = now - lastBatch < IDLE;
  lastBatch = now;
  if (thread === undefined && follows && possible) {
    try {
      thread = new BulkThread((wasUp) => {
        thread = undefined;
        possible = wasUp;
      });
    } catch {
      possible = false;
    }
  }
  return thread;
}
