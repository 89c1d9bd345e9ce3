import type { Codec, CodeMemory } from '@nestbit/core';

/** Views of the rows from `from` up to `to`, which is left out. */
export function sliceCodes(
  { bits, scalars, copies }: CodeMemory,
  layout: Codec['layout'],
  from: number,
  to?: number,
): CodeMemory {
  const slice = (all: Uint8Array, width: number): Uint8Array =>
    all.subarray(from * width, to === undefined ? undefined : to * width);
  return {
    bits: slice(bits, layout.bits),
    scalars: slice(scalars, layout.scalars),
    copies: slice(copies, layout.copy),
  };
}
