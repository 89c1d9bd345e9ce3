import type { CodecSettings } from '../../codec/settings.ts';

/** Values of a slice at most; every width that a codec may have fits some rows into it. */
export const SLICE_VALUES: number = 1 << 18;
/** Slices under way: enough that the thread has work while the event loop is away for a turn. */
export const SLOTS: number = 8;
/** A slice as float32, its int8 codes and its bits. */
const SLOT_BYTES = SLICE_VALUES * 4 + SLICE_VALUES + SLICE_VALUES / 8;

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
  { inputDimensions, dimensions }: { readonly inputDimensions: number; readonly dimensions: number },
): { readonly embeddings: Float32Array; readonly bits: Uint8Array; readonly int8: Int8Array } {
  const start = slot * SLOT_BYTES;
  const int8 = start + rows * inputDimensions * 4;
  return {
    embeddings: new Float32Array(memory, start, rows * inputDimensions),
    int8: new Int8Array(memory, int8, rows * dimensions),
    bits: new Uint8Array(memory, int8 + rows * dimensions, (rows * dimensions) / 8),
  };
}
