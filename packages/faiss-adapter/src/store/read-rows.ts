import { copyPayload, type Id, type StoredRow } from '@nestbit/core';
import { call } from '../addon/call.ts';
import { shows, type View } from './view.ts';

/** The rows of ids as a view has them, copied; undefined for ids that it does not show. */
export async function readRows(view: View, ids: readonly Id[]): Promise<(StoredRow | undefined)[]> {
  const found = ids.map((id) => view.generation.find(id));
  const rows = found.filter((row): row is number => row !== undefined && shows(view, row));
  const { codec, files } = view.generation;
  const { bits, scalars, copies } = codec.allocate(rows.length);
  const part = (all: Uint8Array, width: number, at: number): Uint8Array =>
    all.slice(at * width, (at + 1) * width);
  const places = new Map(rows.map((row, at) => [row, at]));
  const payloads = rows.map((row) => view.generation.row(row).payload);
  await call(() => files.read(Uint32Array.from(rows), bits, scalars, copies));
  return ids.map((id, i) => {
    const at = places.get(found[i] ?? -1);
    if (at === undefined) return undefined;
    return {
      id,
      payload: payloads[at] && copyPayload(payloads[at]),
      bits: part(bits, codec.layout.bits, at),
      scalars: part(scalars, codec.layout.scalars, at),
      copy: part(copies, codec.layout.copy, at),
    };
  });
}
