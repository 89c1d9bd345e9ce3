import type { Codec, CodeMemory } from '../../codec/codec.ts';
import type { Codes, Id } from '../../codec/types.ts';
import { NestbitError, throwIfAborted } from '../../errors.ts';
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
  memory?: (rows: number) => CodeMemory,
): Promise<Codes> {
  return await beginEncoding(batch, codec, signal, memory).codes;
}

/** The same, for who has use for the ids meanwhile. */
export function beginEncoding(
  batch: Batch,
  codec: Codec,
  signal?: AbortSignal,
  memory?: (rows: number) => CodeMemory,
): Encoding {
  const checked = checkBatch(batch, codec);
  // Who awaits the codes hears of it there.
  checked.catch(() => {});
  const codes = inOrder(codec, async (turn, done) => {
    const { codes: given, embeddings } = await checked;
    if (given !== undefined) return given;
    const { fingerprint } = codec;
    const rows = batch.ids.length;
    const step = rowsOfSlice(codec);
    checkThere(embeddings, rows * codec.inputDimensions);
    if (rows <= step) return codec.encode(embeddings, batch.ids);
    const { bits, scalars, copies } = memory?.(rows) ?? codec.allocate(rows);
    const into = { bits, scalars, copies };
    await turn;
    const saturated = await encodeSlices(codec, embeddings, batch.ids, step, into, { signal, done });
    return { fingerprint, rows, ...into, saturated };
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

/** Rows to encode between two looks at the event loop: about a millisecond of work with rotation. */
export function rowsOfSlice({ inputDimensions, dimensions, settings }: Codec): number {
  const products = settings.map === undefined ? Number.POSITIVE_INFINITY : PRODUCTS_AT_ONCE / dimensions;
  return Math.max(1, Math.floor(Math.min(SLICE_VALUES, products) / inputDimensions));
}

/** Encodes all rows; gives how many values lay outside their ranges. When it ends, nothing writes there any more. */
// The caller may transfer the memory away, or shrink it, between two slices.
function checkThere(embeddings: Float32Array, values: number): void {
  if (embeddings.length === values) return;
  throw new NestbitError(
    'BATCH_SHAPE',
    `The embeddings have ${embeddings.length} values, not the ${values} that they had when the batch was given; ` +
      'leave their memory alone until the promise has resolved.',
  );
}

async function encodeSlices(
  codec: Codec,
  embeddings: Float32Array,
  ids: readonly Id[],
  step: number,
  memory: CodeMemory,
  { signal, done }: { readonly signal: AbortSignal | undefined; readonly done: () => void },
): Promise<number> {
  const { inputDimensions, layout } = codec;
  const turns = new Turns();
  const thread = bulkThread();
  const away: Promise<number>[] = [];
  let failed = false;
  let saturated = 0;
  try {
    for (let first = 0; first < ids.length && !failed; first += step) {
      throwIfAborted(signal);
      const last = Math.min(ids.length, first + step);
      checkThere(embeddings, ids.length * inputDimensions);
      const slice = embeddings.subarray(first * inputDimensions, last * inputDimensions);
      const into = {
        bits: memory.bits.subarray(first * layout.bits, last * layout.bits),
        scalars: memory.scalars.subarray(first * layout.scalars, last * layout.scalars),
        copies: memory.copies.subarray(first * layout.copy, last * layout.copy),
      };
      const here = (): number => {
        checkThere(slice, (last - first) * inputDimensions);
        return codec.encodeInto(into, slice, ids.slice(first, last), first);
      };
      const slot = await thread?.slot();
      if (thread !== undefined && slot !== undefined) {
        const whole = slice.length;
        const encoded = thread
          .encode(slot, codec, slice, into)
          // Memory that is gone now may have been gone before the thread's copy of it was made.
          .then((count) => (slice.length === whole && whole > 0 ? count : undefined) ?? here());
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
