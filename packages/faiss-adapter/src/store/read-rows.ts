import { copyPayload, type Id, type StoredRow } from '@nestbit/core';
import { call } from '../addon/call.ts';
import { shows, type View } from './view.ts';

/** The rows of ids as a view has them, copied; undefined for ids that it does not show. */
export async function readRows(
  view: View,
  ids: readonly Id[],
  dimensions: number,
): Promise<(StoredRow | undefined)[]> {
  const found = ids.map((id) => view.generation.find(id));
  const rows = found.filter((row): row is number => row !== undefined && shows(view, row));
  const bits = new Uint8Array((rows.length * dimensions) / 8);
  const int8 = new Int8Array(rows.length * dimensions);
  const places = new Map(rows.map((row, at) => [row, at]));
  const payloads = rows.map((row) => view.generation.row(row).payload);
  await call(() => view.generation.files.read(Uint32Array.from(rows), bits, int8));
  return ids.map((id, i) => {
    const at = places.get(found[i] ?? -1);
    if (at === undefined) return undefined;
    return {
      id,
      payload: payloads[at] && copyPayload(payloads[at]),
      bits: bits.slice((at * dimensions) / 8, ((at + 1) * dimensions) / 8),
      scalars: new Uint8Array(0),
      copy: new Uint8Array(int8.slice(at * dimensions, (at + 1) * dimensions).buffer),
    };
  });
}
