import type { Codec, CodeMemory } from '../../codec/codec.ts';
import type { CodecSettings } from '../../codec/settings.ts';

/** Values of a slice at most; every width that a codec may have fits some rows into it. */
export const SLICE_VALUES: number = 1 << 18;
/** Slices under way: enough that the thread has work while the event loop is away for a turn. */
export const SLOTS: number = 8;
/** A slice as float32, and its codes: at most two bytes a value of copy, and ten a row beside an eighth a value of bits. */
const SLOT_BYTES = SLICE_VALUES * 4 + SLICE_VALUES * 2 + SLICE_VALUES / 8 + (SLICE_VALUES / 8) * 10;

/** What the thread is told: a slice stands in a slot; the codec, when the thread has not seen it. */
export interface SliceTask {
  readonly slot: number;
  readonly rows: number;
  readonly fingerprint: string;
  readonly settings: CodecSettings | undefined;
}

/** What the thread answers: how many values lay outside their ranges, or nothing when it could not encode them. */
export interface SliceDone {
  readonly slot: number;
  readonly saturated: number | undefined;
}

/** Memory of all slots, for both threads. */
export function slotMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(SLOTS * SLOT_BYTES);
}

/** The parts of one slot for so many rows. */
export function slotViews(
  memory: SharedArrayBuffer,
  slot: number,
  rows: number,
  codec: Codec,
): CodeMemory & { readonly embeddings: Float32Array } {
  const { bits, scalars, copy } = codec.layout;
  const values = rows * codec.inputDimensions;
  let at = slot * SLOT_BYTES;
  const embeddings = new Float32Array(memory, at, values);
  at += values * 4;
  const part = (width: number): Uint8Array => {
    const view = new Uint8Array(memory, at, rows * width);
    at += rows * width;
    return view;
  };
  return { embeddings, copies: part(copy), bits: part(bits), scalars: part(scalars) };
}
