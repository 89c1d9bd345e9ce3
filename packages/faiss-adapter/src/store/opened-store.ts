import { type Codes, type Id, NestbitError, type Payload } from '@nestbit/core';
import { copyRows } from './compact.ts';
import { named, runAll } from './failures.ts';
import { Generation } from './generation.ts';
import type { IndexKeeper, IndexProgress } from './index-keeper.ts';
import type { Layout } from './layout.ts';
import { removeGeneration } from './leftovers.ts';
import { closeOpened, type Opened, openCurrent, openGeneration, type Parts } from './open-store.ts';
import type { Tuning } from './settings.ts';
import { GenerationWriter } from './store-writer.ts';
import { advance, type View } from './view.ts';
import type { WriterLock } from './writer-lock.ts';

/** What a store holds of the system. */
interface Held {
  opened: Opened;
  readonly lock: WriterLock | undefined;
}

/** A store that is dropped without `close` lets go of its files, its thread and its lock when it is collected. */
const releases = new FinalizationRegistry<Held>(({ opened, lock }) => {
  closeOpened(opened)
    .catch(() => {})
    .finally(() => lock?.free());
});

/** The state of an open store: its generation, its view of the commits, its index. */
export class OpenedStore {
  readonly tuning: Tuning;
  readonly #layout: Layout;
  readonly #lock: WriterLock | undefined;
  #opened: Opened;
  #view: View;
  #stamp: string;
  #reopening: Promise<void> | undefined;
  #indexing: Promise<void> | undefined;
  readonly #ending = new AbortController();
  readonly #held: Held;

  constructor({ layout, tuning, lock, stamp, opened }: Parts) {
    this.tuning = tuning;
    this.#layout = layout;
    this.#lock = lock;
    this.#opened = opened;
    this.#view = opened.view;
    this.#stamp = stamp;
    this.#held = { opened, lock };
    releases.register(this, this.#held, this);
  }

  get keeper(): IndexKeeper {
    return this.#opened.keeper;
  }

  /** @throws NestbitError `STORE_READ_ONLY` */
  checkWritable(): void {
    if (this.#lock !== undefined) return;
    throw new NestbitError(
      'STORE_READ_ONLY',
      'The store was opened with readOnly; open it without, where it is the one writer.',
    );
  }

  /** The view of what is committed now, also by another process. */
  async refresh(): Promise<View> {
    if (this.#lock === undefined) await this.#followCompaction();
    const { generation } = this.#opened;
    const state = generation.committed();
    const { rows, deaths } = this.#view;
    if (state.rows === rows && state.deaths === deaths) return this.#view;
    generation.grow(state.rows);
    this.#view = advance(this.#view, state, generation.deaths(deaths, state.deaths));
    return this.#view;
  }

  async write(
    ids: readonly Id[],
    codes: Codes,
    payloads: readonly (Payload | undefined)[] | undefined,
  ): Promise<void> {
    await this.#writer.write(ids, codes, payloads);
    await this.refresh();
    this.indexInBackground();
  }

  async remove(ids: readonly Id[]): Promise<number> {
    return await this.#writer.remove(ids);
  }

  /** Puts new rows into the index once they are many. */
  indexInBackground(): void {
    const tail = this.#view.rows - this.keeper.rows;
    const flat = this.#opened.generation.index.kind === 'flat';
    if (flat || this.#lock === undefined || this.#indexing !== undefined || tail <= this.tuning.tail) return;
    this.#indexing = this.keeper
      .build(this.#view, { signal: this.#ending.signal })
      // Rows that did not get into the index are scanned, as before; the next write tries again.
      .catch(() => {})
      .finally(() => {
        this.#indexing = undefined;
      });
  }

  async index(options: IndexProgress): Promise<void> {
    await this.#indexing;
    this.#lock?.check();
    await this.keeper.build(await this.refresh(), options);
  }

  async compact({ signal, onProgress }: IndexProgress): Promise<void> {
    await this.#indexing;
    this.#lock?.check();
    const view = await this.refresh();
    const number = this.#layout.freeNumber(this.#layout.current().number + 1);
    const folder = this.#layout.generation(number);
    let opened: Opened | undefined;
    try {
      const id = await this.#copyTo(folder, view, signal, onProgress);
      opened = await openGeneration(folder, this.tuning, { write: true, alone: true, id });
      await opened.keeper.build(opened.view, { signal, onProgress });
      this.#lock?.check();
      await this.#layout.setCurrent(number, id);
    } catch (error) {
      const failed = opened;
      await runAll([() => failed && closeOpened(failed), () => removeGeneration(folder)]).catch(() => {});
      throw named(folder, error);
    }
    const before = this.#opened;
    this.#become(opened);
    // The new generation is in place; what stays of the old one is swept when a writer opens the store next.
    await runAll([() => closeOpened(before), () => removeGeneration(before.generation.folder)]).catch(
      () => {},
    );
  }

  /** Frees everything, whatever fails on the way, and then tells the first failure. */
  async close(): Promise<void> {
    releases.unregister(this);
    this.#ending.abort();
    await Promise.allSettled([this.#indexing, this.#reopening]);
    const { writer } = this.#opened;
    try {
      await runAll([
        () => closeOpened(this.#opened),
        () => this.#lock?.check(),
        async () => await writer?.seal(),
      ]);
    } catch (error) {
      throw named(this.#layout.path, error);
    } finally {
      this.#lock?.free();
    }
  }

  // The rows of a view as a new generation, sealed; gives its id.
  async #copyTo(
    folder: string,
    view: View,
    signal: AbortSignal | undefined,
    onProgress: IndexProgress['onProgress'],
  ): Promise<string> {
    const { codec, index } = view.generation;
    const id = await Generation.create(folder, codec, index);
    const target = await Generation.open(folder, this.tuning, { write: true, alone: true, id });
    let writer: GenerationWriter | undefined;
    try {
      writer = await GenerationWriter.open(target);
      await copyRows(view, writer, signal, onProgress);
    } finally {
      await runAll([() => writer?.close(), () => target.retire()]);
    }
    await writer.seal();
    return id;
  }

  get #writer(): GenerationWriter {
    return this.#opened.writer as GenerationWriter;
  }

  #become(opened: Opened): void {
    this.#opened = opened;
    this.#view = opened.view;
    this.#held.opened = opened;
  }

  // Another process may have put a new generation in place.
  async #followCompaction(): Promise<void> {
    if (this.#layout.stamp() !== this.#stamp) {
      this.#reopening ??= this.#reopen().finally(() => {
        this.#reopening = undefined;
      });
    }
    await this.#reopening;
  }

  async #reopen(): Promise<void> {
    const stamp = this.#layout.stamp();
    const opened = await openCurrent(this.#layout, this.tuning, false);
    const before = this.#opened;
    this.#become(opened);
    this.#stamp = stamp;
    await before.generation.retire();
  }
}
