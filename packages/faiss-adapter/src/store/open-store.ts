import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Codec, NestbitError } from '@nestbit/core';
import { Generation } from './generation.ts';
import { IndexKeeper } from './index-keeper.ts';
import { Layout } from './layout.ts';
import { indexOf, type StoreIndex, type StoreTuning, type Tuning, tuningOf } from './settings.ts';
import { GenerationWriter, WriterLock } from './store-writer.ts';
import { advance, emptyView, type View } from './view.ts';

export interface CreateOptions extends StoreTuning {
  readonly codec: Codec;
  /** Default flat. */
  readonly index?: StoreIndex;
}

export interface OpenOptions extends StoreTuning {
  /** Only search and read, beside a writer or other readers. Default false: the one writer. */
  readonly readOnly?: boolean;
  /** The codec that is expected; another one in the store is an error. Default: that of the store. */
  readonly codec?: Codec;
}

/** One generation, opened: what a store works with until the next compaction. */
export interface Opened {
  readonly generation: Generation;
  readonly keeper: IndexKeeper;
  /** Absent: read only. */
  readonly writer: GenerationWriter | undefined;
  readonly view: View;
}

/** A store that was opened, in parts. */
export interface Parts {
  readonly layout: Layout;
  readonly tuning: Tuning;
  readonly lock: WriterLock | undefined;
  readonly opened: Opened;
}

export async function createStore(path: string, options: CreateOptions): Promise<Parts> {
  const tuning = tuningOf(options);
  const index = indexOf(options.index);
  const layout = new Layout(resolve(path));
  await mkdir(layout.path, { recursive: true });
  const lock = WriterLock.take(layout.lock);
  try {
    if (layout.exists) {
      throw new NestbitError(
        'STORE_EXISTS',
        `There is a store in ${layout.path} already; open it with FaissStore.open, or choose another folder.`,
      );
    }
    await layout.sweep();
    await Generation.create(layout.generation(1), options.codec, index);
    await layout.setCurrent(1);
    return { layout, tuning, lock, opened: await openGeneration(layout.generation(1), tuning, true, true) };
  } catch (error) {
    lock.free();
    throw error;
  }
}

export async function openStore(path: string, options: OpenOptions): Promise<Parts> {
  const tuning = tuningOf(options);
  const layout = new Layout(resolve(path));
  layout.current();
  const lock = options.readOnly === true ? undefined : WriterLock.take(layout.lock);
  try {
    if (lock !== undefined) await layout.sweep();
    const opened = await openCurrent(layout, tuning, lock !== undefined);
    const { codec } = opened.generation;
    if (options.codec !== undefined && options.codec.fingerprint !== codec.fingerprint) {
      await opened.writer?.close();
      await opened.generation.retire();
      throw new NestbitError(
        'CODEC_MISMATCH',
        `The store in ${layout.path} is of codec ${codec.fingerprint}, expected is ${options.codec.fingerprint}. ` +
          'Make another store for the other codec: codes of two codecs cannot be compared.',
      );
    }
    return { layout, tuning, lock, opened };
  } catch (error) {
    lock?.free();
    throw error;
  }
}

/** Opens the current generation; a reader tries again when a compaction takes it away meanwhile. */
export async function openCurrent(layout: Layout, tuning: Tuning, write: boolean): Promise<Opened> {
  for (let tries = 0; ; tries++) {
    const number = layout.current();
    const alone = write || !WriterLock.held(layout.lock);
    try {
      return await openGeneration(layout.generation(number), tuning, write, alone);
    } catch (error) {
      if (write || tries === 10 || layout.current() === number) throw error;
    }
  }
}

export async function openGeneration(
  folder: string,
  tuning: Tuning,
  write: boolean,
  alone: boolean,
): Promise<Opened> {
  const generation = await Generation.open(folder, tuning, alone);
  let writer: GenerationWriter | undefined;
  try {
    if (write) writer = await GenerationWriter.open(folder, generation.codeFiles);
    const state = generation.committed();
    const view = advance(emptyView(generation), state, generation.deaths(0, state.deaths));
    generation.grow(state.rows);
    await generation.verify('bits', state.rows, tuning.threads);
    const keeper = new IndexKeeper(generation, tuning);
    await keeper.load(state.rows);
    return { generation, keeper, writer, view };
  } catch (error) {
    await writer?.close();
    await generation.retire();
    throw error;
  }
}

/** Bytes on disk by part. */
export async function bytesOf(generation: Generation): Promise<StoreBytes> {
  // A file that this generation does not have counts 0 bytes.
  const [bits, scalars, copies, int8, checks, records, index] = await Promise.all(
    [
      'bits.u8',
      'scalars.u8',
      'copies.u8',
      'int8.i8',
      'checks.u32',
      join('records', 'data.mdb'),
      'index.faiss',
    ].map((name) => generation.bytes(name)),
  );
  return { bits, scalars, copies: copies + int8, checks, records, index };
}

export interface StoreBytes {
  readonly bits: number;
  readonly scalars: number;
  /** The copies for the rescore, each with its checksum. */
  readonly copies: number;
  /** Checksums of the bits and scalars; of stores made before codec version 3, of the copies too. */
  readonly checks: number;
  /** Ids, payloads and commits. */
  readonly records: number;
  /** Snapshot of the faiss index. */
  readonly index: number;
}
