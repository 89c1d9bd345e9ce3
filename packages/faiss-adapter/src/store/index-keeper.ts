import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { call } from '../addon/call.ts';
import { addon, type NativeIndex } from '../addon/native.ts';
import { has } from './bitmap.ts';
import { readCheckedJson, writeCheckedJson } from './checked-json.ts';
import type { Generation } from './generation.ts';
import { TRAINING_ROUNDS, type Tuning, usualLists } from './settings.ts';
import type { View } from './view.ts';

/** What a snapshot covers. */
interface Snapshot {
  readonly rows: number;
  /** Rows when it was trained (IVF) or first built. */
  readonly builtAt: number;
  readonly bytes: number;
  readonly crc32c: number;
}

export interface IndexProgress {
  readonly signal?: AbortSignal | undefined;
  /** Called about ten times a second with the rows put into the index. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Rows a list that training looks at; more make it slower and hardly better. */
const SAMPLE_PER_LIST = 64;
/** An IVF index that has grown so much is trained anew: its lists no longer fit the data. */
const DRIFT = 4;

/** The faiss index of one generation: loaded, built, extended, saved. */
export class IndexKeeper {
  readonly #generation: Generation;
  readonly #tuning: Tuning;
  #native: NativeIndex | undefined;
  #rows = 0;
  /** Rows of the snapshot on disk. */
  #saved = 0;
  #builtAt = 0;

  constructor(generation: Generation, tuning: Tuning) {
    this.#generation = generation;
    this.#tuning = tuning;
  }

  /** The index and the rows that it covers; the others are scanned. */
  get current(): { readonly native: NativeIndex; readonly rows: number } | undefined {
    return this.#native === undefined ? undefined : { native: this.#native, rows: this.#rows };
  }

  get rows(): number {
    return this.#rows;
  }

  /** Reads the snapshot, when there is one that is whole and fits; else the rows are scanned until `build`. */
  async load(rows: number): Promise<void> {
    if (this.#generation.index.kind === 'flat') return;
    try {
      const snapshot = await readCheckedJson<Snapshot>(this.#path('index.json'));
      // Rows that were never committed may be in a snapshot after a power cut.
      if (snapshot === undefined || snapshot.rows > rows || snapshot.rows <= this.#rows) return;
      const { size } = await stat(this.#path('index.faiss'));
      const sum = await call(() => addon().checksumFile(this.#path('index.faiss'), size));
      if (size !== snapshot.bytes || sum !== snapshot.crc32c) return;
      const native = await call(() => addon().readIndex(this.#path('index.faiss')));
      if (native.describe().rows !== snapshot.rows) return;
      native.attach(this.#generation.files);
      this.#native = native;
      this.#rows = snapshot.rows;
      this.#saved = snapshot.rows;
      this.#builtAt = snapshot.builtAt;
    } catch {
      // A snapshot that cannot be read is as good as none: everything in it can be had again.
    }
  }

  /** Brings the index up to the rows of the view, and saves it. */
  async build(view: View, { signal, onProgress }: IndexProgress = {}): Promise<void> {
    const { index } = this.#generation;
    const { rows } = view;
    if (index.kind === 'flat' || rows === this.#saved) return;
    const drifted = index.kind === 'ivf' && rows > DRIFT * this.#builtAt;
    let native = this.#native;
    if (native === undefined || drifted) {
      native = await this.#make(view, signal);
      this.#builtAt = rows;
    }
    // After a save that failed, all rows may be in it already.
    if (native !== this.#native || rows !== this.#rows) await this.#add(native, rows, signal, onProgress);
    this.#native = native;
    this.#rows = rows;
    await this.#save(native, rows);
  }

  async #make(view: View, signal: AbortSignal | undefined): Promise<NativeIndex> {
    const { index, codec } = this.#generation;
    const { dimensions } = codec;
    if (index.kind === 'hnsw') {
      const { m = 16, efConstruction = 64 } = index;
      return addon().makeIndex({ kind: 'hnsw', dimensions, m, efConstruction });
    }
    const lists = usualLists(index, view.live);
    const native = addon().makeIndex({ kind: 'ivf', dimensions, lists });
    const sample = sampleRows(view, lists * SAMPLE_PER_LIST);
    await call(
      (token) =>
        native.trainFrom(this.#generation.files, sample, TRAINING_ROUNDS, this.#tuning.threads, token),
      signal,
    );
    return native;
  }

  async #add(
    native: NativeIndex,
    rows: number,
    signal: AbortSignal | undefined,
    onProgress: IndexProgress['onProgress'],
  ): Promise<void> {
    const progress = new Uint32Array(1);
    const first = native.describe().rows;
    const timer =
      onProgress === undefined
        ? undefined
        : setInterval(() => onProgress(Math.min(progress[0], rows - first), rows - first), 100);
    try {
      await call(
        (token) => native.addFrom(this.#generation.files, rows, progress, this.#tuning.threads, token),
        signal,
      );
      onProgress?.(rows - first, rows - first);
    } catch (error) {
      // An HNSW graph that was left in the middle cannot be searched.
      if (native === this.#native) {
        this.#native = undefined;
        this.#rows = 0;
      }
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  async #save(native: NativeIndex, rows: number): Promise<void> {
    const path = this.#path('index.faiss');
    // Between the two files the snapshot fits no checksum, and is left aside.
    await call(() => native.write(path));
    const { size } = await stat(path);
    const crc32c = await call(() => addon().checksumFile(path, size));
    const snapshot: Snapshot = { rows, builtAt: this.#builtAt, bytes: size, crc32c };
    await writeCheckedJson(this.#path('index.json'), snapshot);
    this.#saved = rows;
  }

  #path(name: string): string {
    return join(this.#generation.folder, name);
  }
}

// Evenly spread rows that live, at most so many.
function sampleRows(view: View, wanted: number): Uint32Array {
  const count = Math.min(wanted, view.live);
  const rows = new Uint32Array(count);
  let seen = 0;
  let taken = 0;
  for (let row = 0; row < view.rows && taken < count; row++) {
    if (!has(view.alive, row)) continue;
    if (Math.floor((seen * count) / view.live) >= taken) rows[taken++] = row;
    seen++;
  }
  return rows.subarray(0, taken);
}
