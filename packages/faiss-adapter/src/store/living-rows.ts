import { type Batch, type Codec, type Payload, Turns, throwIfAborted } from '@nestbit/core';
import { call } from '../addon/call.ts';
import { has } from './bitmap.ts';
import type { View } from './view.ts';

/** Records read between two looks at the event loop. */
const RECORDS_AT_ONCE = 64;

/** Numbers of the rows that live, in their order, so many at once. */
export function* livingRows(view: View, atOnce: number): Generator<Uint32Array> {
  let rows: number[] = [];
  for (let row = 0; row < view.rows; row++) {
    if (has(view.alive, row)) rows.push(row);
    if (rows.length === atOnce) {
      yield Uint32Array.from(rows);
      rows = [];
    }
  }
  if (rows.length > 0) yield Uint32Array.from(rows);
}

/** The rows that live as batches of codes, in their order. */
export async function* livingBatches(
  view: View,
  atOnce: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Batch & { readonly codes: ReturnType<Codec['encode']> }> {
  const { generation } = view;
  const { fingerprint } = generation.codec;
  const turns = new Turns();
  for (const rows of livingRows(view, atOnce)) {
    throwIfAborted(signal);
    const memory = generation.codec.allocate(rows.length);
    await call(() => generation.files.read(rows, memory.bits, memory.scalars, memory.copies));
    const ids: Batch['ids'][number][] = [];
    const payloads: (Payload | undefined)[] = [];
    for (const [i, row] of rows.entries()) {
      if (i % RECORDS_AT_ONCE === 0 && turns.due) await turns.give();
      const { id, payload } = generation.row(row);
      ids.push(id);
      payloads.push(payload && structuredClone(payload));
    }
    generation.readRecords(rows.length);
    yield { ids, payloads, codes: { fingerprint, rows: rows.length, ...memory, saturated: 0 } };
  }
}
