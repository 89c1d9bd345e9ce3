import type { Codec } from '@nestbit/core';
import { codeColumns, scalarsOfSmallint } from './columns.ts';
import { packedBits } from './wire.ts';

/** A row of `codesSql` as `pg` reads it. */
export interface CodeRow {
  readonly bits: Buffer;
  readonly scalars: number | null;
  readonly copy: Buffer | null;
}

const NONE = new Uint8Array(0);

/**
 * The columns `bits`, `scalars` and `copy` of a row of codes, for a list of a select.
 *
 * @param codes alias of the table of copies
 * @param bits alias of the table of bits
 */
export function codesSql(codec: Codec, codes: string, bits: string): string {
  const { scalars, copy } = codeColumns(codec);
  return [
    `${packedBits(`${bits}.bits`)} as bits`,
    scalars ? `${bits}.scalars` : 'null::smallint as scalars',
    copy === undefined ? 'null::bytea as copy' : `${codes}.${copy} as copy`,
  ].join(', ');
}

/** The codes of a row, as bytes; views of what was read. */
export function codesOfRow({ bits, scalars, copy }: CodeRow): {
  readonly bits: Uint8Array;
  readonly scalars: Uint8Array;
  readonly copy: Uint8Array;
} {
  return { bits, scalars: scalars === null ? NONE : scalarsOfSmallint(scalars), copy: copy ?? NONE };
}
