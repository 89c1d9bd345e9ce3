import type { Codec } from '@nestbit/core';

/** The columns beside `bits` that hold the rest of a row's codes. */
export interface CodeColumns {
  /** Whether there is `scalars smallint`: the row's two bytes, the first one high. */
  readonly scalars: boolean;
  /** The bytea column of the copy: `int8` where it is calibrated, `copy` in any other format; none without copies. */
  readonly copy: 'copy' | 'int8' | undefined;
}

/** The columns of a codec's stores. Those of codecs without scalars are what they were before there were any. */
export function codeColumns({ settings, layout }: Codec): CodeColumns {
  const copy = settings.copy === 'calibrated' ? 'int8' : 'copy';
  return { scalars: layout.scalars > 0, copy: layout.copy === 0 ? undefined : copy };
}

/** A row's two scalars as the smallint that holds them. */
export function scalarsToSmallint(scalars: Uint8Array): number {
  return ((scalars[0] << 24) | (scalars[1] << 16)) >> 16;
}

/** The two bytes of a smallint, most significant first, as binary transfer has them. */
export function scalarsOfSmallint(value: number): Uint8Array {
  return Uint8Array.of((value >> 8) & 255, value & 255);
}
