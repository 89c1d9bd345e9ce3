import { rm } from 'node:fs/promises';
import { type Codes, type Id, NestbitError, type Payload } from '@nestbit/core';
import { CODES_VERSION, codeFiles } from './code-layout.ts';
import { copyRows } from './compact.ts';
import { Generation } from './generation.ts';
import type { IndexKeeper, IndexProgress } from './index-keeper.ts';
import type { Layout } from './layout.ts';
import { type Opened, openCurrent, openGeneration, type Parts } from './open-store.ts';
import type { Tuning } from './settings.ts';
import { GenerationWriter, type WriterLock } from './store-writer.ts';
import { advance, type View } from './view.ts';

/** The state of an open store: its generation, its view of the commits, its index. */
export class OpenedStore {
  readonly tuning: Tuning;
  readonly #layout: Layout;
  readonly #lock: WriterLock | undefined;
  #opened: Opened;
  #view: View;
  #stamp: number;
  #reopening: Promise<void> | undefined;
  #indexing: Promise<void> | undefined;
  readonly #ending = new AbortController();

  constructor({ layout, tuning, lock, opened }: Parts) {
    this.tuning = tuning;
    this.#layout = layout;
    this.#lock = lock;
    this.#opened = opened;
    this.#view = opened.view;
    this.#stamp = layout.stamp();
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
    await this.keeper.build(await this.refresh(), options);
  }

  async compact({ signal, onProgress }: IndexProgress): Promise<void> {
    await this.#indexing;
    const view = await this.refresh();
    const { codec, index } = view.generation;
    const next = this.#layout.current() + 1;
    const folder = this.#layout.generation(next);
    await rm(folder, { recursive: true, force: true });
    let opened: Opened | undefined;
    try {
      await Generation.create(folder, codec, index);
      const writer = await GenerationWriter.open(folder, codeFiles(CODES_VERSION, codec.layout));
      try {
        await copyRows(view, writer, signal, onProgress);
      } finally {
        await writer.close();
      }
      opened = await openGeneration(folder, this.tuning, true, true);
      await opened.keeper.build(opened.view, { signal, onProgress });
      await this.#layout.setCurrent(next);
    } catch (error) {
      await opened?.writer?.close();
      await opened?.generation.retire();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    const before = this.#opened;
    this.#opened = opened;
    this.#view = opened.view;
    await before.writer?.close();
    await before.generation.retire();
    await rm(before.generation.folder, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#indexing;
    await this.#reopening;
    const { generation, writer } = this.#opened;
    await writer?.close();
    await generation.retire();
    await writer?.seal();
    this.#lock?.free();
  }

  get #writer(): GenerationWriter {
    return this.#opened.writer as GenerationWriter;
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
    this.#opened = opened;
    this.#view = opened.view;
    this.#stamp = stamp;
    await before.generation.retire();
  }
}
