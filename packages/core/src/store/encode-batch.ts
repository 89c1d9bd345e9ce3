import type { Codec } from '../codec/codec.ts';
import type { Codes } from '../codec/types.ts';
import { throwIfAborted } from '../errors.ts';
import { checkBatch } from './batch.ts';
import type { Batch } from './store.ts';
import { Turns } from './turns.ts';

/** Values encoded between two looks at the event loop: about a millisecond with rotation. */
const VALUES_AT_ONCE = 1 << 18;
/** A map multiplies every value with that many columns; as many multiplications take about as long. */
const PRODUCTS_AT_ONCE = 1 << 24;

/**
 * Checks a whole batch and gives its codes; other work runs between the slices of a large one.
 *
 * @param memory gives memory for the codes of so many rows, when the batch brings none. Default: new
 * @throws NestbitError as `Store.upsert`; TypeError for what no batch can be
 */
export async function encodeBatch(
  batch: Batch,
  codec: Codec,
  signal?: AbortSignal,
  memory?: (rows: number) => { readonly bits: Uint8Array; readonly int8: Int8Array },
): Promise<Codes> {
  const { codes, embeddings } = await checkBatch(batch, codec);
  if (codes !== undefined) return codes;
  const { dimensions, inputDimensions } = codec;
  const rows = batch.ids.length;
  const values =
    codec.settings.map === undefined
      ? VALUES_AT_ONCE
      : Math.min(VALUES_AT_ONCE, PRODUCTS_AT_ONCE / dimensions);
  const step = Math.max(1, Math.floor(values / inputDimensions));
  if (rows <= step) return codec.encode(embeddings, batch.ids);
  const { bits, int8 } = memory?.(rows) ?? {
    bits: new Uint8Array((rows * dimensions) / 8),
    int8: new Int8Array(rows * dimensions),
  };
  const turns = new Turns();
  let saturated = 0;
  for (let first = 0; first < rows; first += step) {
    throwIfAborted(signal);
    if (turns.due) await turns.give(signal);
    const last = Math.min(rows, first + step);
    const into = {
      bits: bits.subarray((first * dimensions) / 8, (last * dimensions) / 8),
      int8: int8.subarray(first * dimensions, last * dimensions),
    };
    const slice = embeddings.subarray(first * inputDimensions, last * inputDimensions);
    saturated += codec.encodeInto(into, slice, batch.ids.slice(first, last), first);
  }
  return { fingerprint: codec.fingerprint, rows, bits, int8, saturated };
}
