import { type Codec, type CodeMemory, type Codes, NestbitError, rowsOfSlice, Turns } from '@nestbit/core';
import { sliceCodes } from '../codes/slice-codes.ts';
import type { BadCode, BadRow } from './kinds.ts';
import type { SourceRows } from './source-rows.ts';

/** Codes of the rows that can be encoded. */
export interface EncodedRows {
  /** As text, in the order of the codes. */
  readonly ids: readonly string[];
  readonly codes: Codes;
  /** What the source could not read, and zero and not finite vectors. */
  readonly bad: readonly BadRow[];
}

/**
 * Encodes rows, leaving out those that have no direction; other work runs between the slices of many.
 *
 * @param into memory for the codes, of at least so many rows. Default: new
 */
export async function encodeRows(codec: Codec, rows: SourceRows, into?: CodeMemory): Promise<EncodedRows> {
  const width = codec.inputDimensions;
  const { layout } = codec;
  const { ids, embeddings } = rows;
  const all = into ?? codec.allocate(ids.length);
  const bad: BadRow[] = [...rows.bad];
  const kept: string[] = [];
  const step = rowsOfSlice(codec);
  const turns = new Turns();
  let saturated = 0;
  const encode = (first: number, last: number): void => {
    const to = kept.length;
    const count = last - first;
    const part = sliceCodes(all, layout, to, to + count);
    saturated += codec.encodeInto(part, embeddings.subarray(first * width, last * width));
    for (let row = first; row < last; row++) kept.push(ids[row]);
  };
  for (let first = 0; first < ids.length; first += step) {
    if (turns.due) await turns.give();
    const last = Math.min(ids.length, first + step);
    try {
      encode(first, last);
    } catch (error) {
      faultOf(error);
      // One of them is bad: find out which, and keep the others.
      for (let row = first; row < last; row++) {
        try {
          encode(row, row + 1);
        } catch (cause) {
          bad.push({ id: ids[row], ...faultOf(cause) });
        }
      }
    }
  }
  const codes: Codes = {
    fingerprint: codec.fingerprint,
    rows: kept.length,
    ...sliceCodes(all, layout, 0, kept.length),
    saturated,
  };
  return { ids: kept, codes, bad };
}

/** What is wrong with a vector that could not be encoded; any other error is thrown on. */
export function faultOf(error: unknown): { code: BadCode; reason: string } {
  const code = error instanceof NestbitError ? error.code : undefined;
  if (code === 'VECTOR_ZERO') return { code, reason: 'it is zero in the dimensions that are kept' };
  if (code === 'VECTOR_NOT_FINITE') return { code, reason: 'it holds NaN or Infinity' };
  throw error;
}
