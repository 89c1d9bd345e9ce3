import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Codec, NestbitError } from '@nestbit/core';
import { named, runAll } from './failures.ts';
import { Generation, type GenerationAccess } from './generation.ts';
import { IndexKeeper } from './index-keeper.ts';
import { Layout } from './layout.ts';
import { checkFree, checkNotLost, sweep } from './leftovers.ts';
import { indexOf, type StoreIndex, type StoreTuning, type Tuning, tuningOf } from './settings.ts';
import { GenerationWriter } from './store-writer.ts';
import { advance, emptyView, type View } from './view.ts';
import { WriterLock } from './writer-lock.ts';

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
  /** What CURRENT held before it was followed. */
  readonly stamp: string;
  readonly opened: Opened;
}

export async function createStore(path: string, options: CreateOptions): Promise<Parts> {
  const tuning = tuningOf(options);
  const index = indexOf(options.index);
  const layout = new Layout(resolve(path));
  // Before anything is made in it, and again when no one else can make a store there.
  await checkFree(layout);
  return await locked(layout, tuning, async () => {
    await checkFree(layout);
    await sweep(layout);
    const number = layout.freeNumber(1);
    const folder = layout.generation(number);
    const id = await Generation.create(folder, options.codec, index);
    await layout.setCurrent(number, id);
    return await openGeneration(folder, tuning, { write: true, alone: true, id });
  });
}

export async function openStore(path: string, options: OpenOptions): Promise<Parts> {
  const tuning = tuningOf(options);
  const layout = new Layout(resolve(path));
  await checkNotLost(layout);
  layout.current();
  const open = async (write: boolean): Promise<Opened> => {
    if (write) await sweep(layout);
    const opened = await openCurrent(layout, tuning, write);
    const { codec } = opened.generation;
    if (options.codec === undefined || options.codec.fingerprint === codec.fingerprint) return opened;
    await closeOpened(opened);
    throw new NestbitError(
      'CODEC_MISMATCH',
      `The store in ${layout.path} is of codec ${codec.fingerprint}, expected is ${options.codec.fingerprint}. ` +
        'Make another store for the other codec: codes of two codecs cannot be compared.',
    );
  };
  if (options.readOnly !== true) return await locked(layout, tuning, () => open(true));
  try {
    const stamp = layout.stamp();
    return { layout, tuning, lock: undefined, stamp, opened: await open(false) };
  } catch (error) {
    throw named(layout.path, error);
  }
}

// Opens as the one writer. Whatever fails, the lock is free again, and the failure has a name.
async function locked(layout: Layout, tuning: Tuning, open: () => Promise<Opened>): Promise<Parts> {
  let lock: WriterLock | undefined;
  try {
    await mkdir(layout.path, { recursive: true });
    lock = await WriterLock.take(layout.lock);
    return { layout, tuning, lock, stamp: layout.stamp(), opened: await open() };
  } catch (error) {
    lock?.free();
    throw named(layout.path, error);
  }
}

/** Opens the current generation; a reader tries again when a compaction takes it away meanwhile. */
export async function openCurrent(layout: Layout, tuning: Tuning, write: boolean): Promise<Opened> {
  for (let tries = 0; ; tries++) {
    const { number, id } = layout.current();
    const stamp = layout.stamp();
    const alone = write || WriterLock.held(layout.lock) === false;
    try {
      const opened = await openGeneration(layout.generation(number), tuning, { write, alone, id });
      const own = opened.generation.id;
      if (write && own !== undefined && own !== id) await layout.setCurrent(number, own);
      return opened;
    } catch (error) {
      // A reader may have met a compaction, or a writer that came while it took the store for left alone.
      const met = layout.stamp() !== stamp || (alone && WriterLock.held(layout.lock) !== false);
      if (write || tries === 10 || !met) throw error;
    }
  }
}

export async function openGeneration(
  folder: string,
  tuning: Tuning,
  access: GenerationAccess,
): Promise<Opened> {
  const generation = await Generation.open(folder, tuning, access);
  let writer: GenerationWriter | undefined;
  try {
    if (access.write) writer = await GenerationWriter.open(generation);
    const state = generation.committed();
    const view = advance(emptyView(generation), state, generation.deaths(0, state.deaths));
    generation.grow(state.rows);
    await generation.verify('bits', state.rows, tuning.threads);
    await generation.verifyChecks(state);
    const keeper = new IndexKeeper(generation, tuning);
    await keeper.load(state.rows);
    return { generation, keeper, writer, view };
  } catch (error) {
    await runAll([() => writer?.close(), () => generation.retire()]).catch(() => {});
    throw error;
  }
}

/** Closes what was opened, whatever fails on the way. */
export async function closeOpened({ generation, writer }: Opened): Promise<void> {
  await runAll([() => writer?.close(), () => generation.retire()]);
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
