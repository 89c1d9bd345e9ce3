import type { Codec, Id, Payload } from '@nestbit/core';
import { Turns, throwIfAborted } from '@nestbit/core';
import { call } from '../addon/call.ts';
import { has } from './bitmap.ts';
import type { GenerationWriter } from './store-writer.ts';
import type { View } from './view.ts';

/** Rows whose records are read between two looks at the event loop. */
const RECORDS_AT_ONCE = 64;
/** Rows copied with one commit. */
const ROWS_AT_ONCE = 2048;

/** Copies the rows of a view that live, in their order, into another generation; their codes are checked. */
export async function copyRows(
  view: View,
  target: GenerationWriter,
  signal: AbortSignal | undefined,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  let rows: number[] = [];
  let done = 0;
  const copy = async (): Promise<void> => {
    throwIfAborted(signal);
    if (rows.length === 0) return;
    await copySome(view, rows, target);
    done += rows.length;
    rows = [];
    onProgress?.(done, view.live);
  };
  for (let row = 0; row < view.rows; row++) {
    if (!has(view.alive, row)) continue;
    rows.push(row);
    if (rows.length === ROWS_AT_ONCE) await copy();
  }
  await copy();
}

async function copySome(view: View, rows: readonly number[], target: GenerationWriter): Promise<void> {
  const { generation } = view;
  const codec: Codec = generation.codec;
  const memory = codec.allocate(rows.length);
  const { bits, scalars, copies } = memory;
  await call(() => generation.files.read(Uint32Array.from(rows), bits, scalars, copies));
  const ids: Id[] = [];
  const payloads: (Payload | undefined)[] = [];
  const turns = new Turns();
  for (const [i, row] of rows.entries()) {
    if (i % RECORDS_AT_ONCE === 0 && turns.due) await turns.give();
    const { id, payload } = generation.row(row);
    ids.push(id);
    payloads.push(payload);
  }
  const { fingerprint } = codec;
  await target.write(ids, { fingerprint, rows: rows.length, ...memory, saturated: 0 }, payloads);
}
