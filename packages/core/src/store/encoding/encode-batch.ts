import type { Codec } from '../../codec/codec.ts';
import type { Codes, Id } from '../../codec/types.ts';
import { throwIfAborted } from '../../errors.ts';
import { checkBatch } from '../batch.ts';
import type { Batch } from '../store.ts';
import { Turns } from '../turns.ts';
import { bulkThread } from './bulk-thread.ts';
import { SLICE_VALUES } from './slots.ts';

/** A map multiplies every value with that many columns; as many multiplications take about as long. */
const PRODUCTS_AT_ONCE = 1 << 24;

/** A batch on its way to its codes. */
export interface Encoding {
  /** Settles when all but the values of the embeddings is checked: the ids are fit for use. */
  readonly checked: Promise<unknown>;
  readonly codes: Promise<Codes>;
}

/**
 * Checks a whole batch and gives its codes. A large one is encoded in slices: in a thread when large ones follow each
 * other, else between other work of the event loop.
 *
 * @param memory gives memory for the codes of so many rows, when the batch brings none. Default: new
 * @throws NestbitError as `Store.upsert`; TypeError for what no batch can be
 */
export async function encodeBatch(
  batch: Batch,
  codec: Codec,
  signal?: AbortSignal,
  memory?: (rows: number) => Memory,
): Promise<Codes> {
  return await beginEncoding(batch, codec, signal, memory).codes;
}

/** The same, for who has use for the ids meanwhile. */
export function beginEncoding(
  batch: Batch,
  codec: Codec,
  signal?: AbortSignal,
  memory?: (rows: number) => Memory,
): Encoding {
  const checked = checkBatch(batch, codec);
  // Who awaits the codes hears of it there.
  checked.catch(() => {});
  const codes = inOrder(codec, async (turn, done) => {
    const { codes: given, embeddings } = await checked;
    if (given !== undefined) return given;
    const { dimensions, fingerprint } = codec;
    const rows = batch.ids.length;
    const step = rowsOfSlice(codec);
    if (rows <= step) return codec.encode(embeddings, batch.ids);
    const { bits, int8 } = memory?.(rows) ?? {
      bits: new Uint8Array((rows * dimensions) / 8),
      int8: new Int8Array(rows * dimensions),
    };
    await turn;
    const saturated = await encodeSlices(
      codec,
      embeddings,
      batch.ids,
      step,
      { bits, int8 },
      { signal, done },
    );
    return { fingerprint, rows, bits, int8, saturated };
  });
  return { checked, codes };
}

/** Settles when all slices of a codec's last batch are encoded or on their way. */
const last = new WeakMap<Codec, Promise<void>>();

/**
 * The slices of one batch after those of the batch before: a store writes the first one first, so they would only hold
 * each other up.
 *
 * @param work awaits its `turn` and calls `done` when the next one's may come
 */
async function inOrder<T>(
  codec: Codec,
  work: (turn: Promise<void> | undefined, done: () => void) => Promise<T>,
): Promise<T> {
  const turn = last.get(codec);
  let done = (): void => {};
  const sent = new Promise<void>((resolve) => {
    done = resolve;
  });
  last.set(codec, turn === undefined ? sent : turn.then(() => sent));
  try {
    return await work(turn, done);
  } finally {
    done();
  }
}

/** Codes of some rows. */
interface Memory {
  readonly bits: Uint8Array;
  readonly int8: Int8Array;
}

/** Rows to encode between two looks at the event loop: about a millisecond of work with rotation. */
export function rowsOfSlice({ inputDimensions, dimensions, settings }: Codec): number {
  const products = settings.map === undefined ? Number.POSITIVE_INFINITY : PRODUCTS_AT_ONCE / dimensions;
  return Math.max(1, Math.floor(Math.min(SLICE_VALUES, products) / inputDimensions));
}

/** Encodes all rows; gives how many values lay outside their ranges. When it ends, nothing writes there any more. */
async function encodeSlices(
  codec: Codec,
  embeddings: Float32Array,
  ids: readonly Id[],
  step: number,
  { bits, int8 }: Memory,
  { signal, done }: { readonly signal: AbortSignal | undefined; readonly done: () => void },
): Promise<number> {
  const { inputDimensions, dimensions } = codec;
  const turns = new Turns();
  const thread = bulkThread();
  const away: Promise<number>[] = [];
  let failed = false;
  let saturated = 0;
  try {
    for (let first = 0; first < ids.length && !failed; first += step) {
      throwIfAborted(signal);
      const last = Math.min(ids.length, first + step);
      const slice = embeddings.subarray(first * inputDimensions, last * inputDimensions);
      const into = {
        bits: bits.subarray((first * dimensions) / 8, (last * dimensions) / 8),
        int8: int8.subarray(first * dimensions, last * dimensions),
      };
      const here = (): number => codec.encodeInto(into, slice, ids.slice(first, last), first);
      const slot = await thread?.slot();
      if (thread !== undefined && slot !== undefined) {
        const encoded = thread.encode(slot, codec, slice, into).then((count) => count ?? here());
        encoded.catch(() => {
          failed = true;
        });
        away.push(encoded);
      } else {
        if (turns.due) await turns.give(signal);
        saturated += here();
      }
    }
    done();
    for (const encoded of away) saturated += await encoded;
    return saturated;
  } finally {
    await Promise.allSettled(away);
  }
}
