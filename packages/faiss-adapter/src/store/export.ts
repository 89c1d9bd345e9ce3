import { AtomicFile, type Id, throwIfAborted } from '@nestbit/core';
import { call } from '../addon/call.ts';
import { addon, type NativeIndex } from '../addon/native.ts';
import { CodeArrays } from './export-codes.ts';
import type { IndexKeeper } from './index-keeper.ts';
import { livingRows } from './living-rows.ts';
import { type StoreIndex, TRAINING_ROUNDS, usualLists } from './settings.ts';
import type { View } from './view.ts';

/** Rows whose codes and ids are read at once. */
const ROWS_AT_ONCE = 4096;

export interface ExportOptions {
  /**
   * Also write the codes of the rows, in the order of the labels: `<path>.bits.npy`, `.scalars.npy` (codec version 3),
   * `.copies.npy` (with the copy `calibrated` `.int8.npy`, with `none` no file), and `<path>.codec.json`. Default
   * false.
   */
  readonly codes?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the rows read. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Writes the bits of the rows that live as a faiss index of the store's kind, labels counted from 0, and beside it
 * `<path>.ids.jsonl`, the ids in the order of the labels, one JSON value a line (bigints as text).
 */
export async function exportIndex(
  view: View,
  keeper: IndexKeeper,
  path: string,
  options: ExportOptions,
): Promise<number> {
  const { generation, live } = view;
  const bytes = generation.codec.dimensions / 8;
  const whole = keeper.current?.rows === view.rows && live === view.rows ? keeper.current.native : undefined;
  const codes = new Uint8Array(whole === undefined ? live * bytes : 0);
  const ids = await AtomicFile.create(`${path}.ids.jsonl`);
  let arrays: CodeArrays | undefined;
  try {
    if (options.codes === true) arrays = await CodeArrays.create(path, generation.codec);
    let done = 0;
    for (const rows of livingRows(view, ROWS_AT_ONCE)) {
      throwIfAborted(options.signal);
      if (arrays !== undefined) {
        const memory = generation.codec.allocate(rows.length);
        await call(() => generation.files.read(rows, memory.bits, memory.scalars, memory.copies));
        await arrays.append(memory);
        if (whole === undefined) codes.set(memory.bits, done * bytes);
      } else if (whole === undefined) {
        const bits = codes.subarray(done * bytes, (done + rows.length) * bytes);
        await call(() => generation.files.read(rows, bits));
      }
      await ids.write(Buffer.from(Array.from(rows, (row) => line(generation.row(row).id)).join('')));
      done += rows.length;
      options.onProgress?.(done, live);
    }
    const index = whole ?? (await indexOver(codes, view, options.signal));
    await call(() => index.write(path));
    await arrays?.commit();
    await ids.commit();
  } finally {
    await arrays?.abort();
    await ids.abort();
  }
  return live;
}

function line(id: Id): string {
  return `${JSON.stringify(String(id))}\n`;
}

async function indexOver(
  codes: Uint8Array,
  view: View,
  signal: AbortSignal | undefined,
): Promise<NativeIndex> {
  const { index, codec } = view.generation;
  const { threads } = addon();
  const native = makeIndex(index, codec.dimensions, view.live);
  if (index.kind === 'ivf')
    await call((token) => native.train(codes, TRAINING_ROUNDS, threads, token), signal);
  if (codes.length > 0) await call((token) => native.add(codes, threads, token), signal);
  return native;
}

function makeIndex(index: StoreIndex, dimensions: number, rows: number): NativeIndex {
  if (index.kind === 'flat') return addon().makeIndex({ kind: 'flat', dimensions });
  if (index.kind === 'ivf')
    return addon().makeIndex({ kind: 'ivf', dimensions, lists: usualLists(index, rows) });
  const { m = 16, efConstruction = 64 } = index;
  return addon().makeIndex({ kind: 'hnsw', dimensions, m, efConstruction });
}
