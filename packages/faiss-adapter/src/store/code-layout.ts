import { type Codec, type Codes, NestbitError, type RowLayout } from '@nestbit/core';
import { addon, type NativeLayout } from '../addon/native.ts';

/**
 * How the codes of a generation lie in its folder. Version 1, from before codecs had scalars, is read and appended
 * to; new generations, also those that a compaction makes, are of version 2.
 */
export type CodesVersion = 1 | 2;

export const CODES_VERSION: CodesVersion = 2;

/** One file of codes: rows × stride bytes. */
export interface CodeFile {
  readonly name: string;
  /** Bytes of a row. */
  readonly stride: number;
  /** What it holds for rows [first, last) of some codes. */
  content(codes: Codes, first: number, last: number): Uint8Array;
}

/** The files of codes in a generation's folder; a part without bytes has none. */
export function codeFiles(version: CodesVersion, layout: RowLayout): CodeFile[] {
  const { bits, scalars, copy } = layout;
  const files: CodeFile[] = [{ name: 'bits.u8', stride: bits, content: slices('bits', bits) }];
  if (version === 1) {
    files.push({ name: 'int8.i8', stride: copy, content: slices('copies', copy) });
    files.push({ name: 'checks.u32', stride: 8, content: checksOfVersion1 });
    return files;
  }
  if (scalars > 0) files.push({ name: 'scalars.u8', stride: scalars, content: slices('scalars', scalars) });
  if (copy > 0) files.push({ name: 'copies.u8', stride: copy + 4, content: checkedCopies });
  files.push({ name: 'checks.u32', stride: 4, content: checksOfBits });
  return files;
}

/**
 * The version that a generation's settings name, checked.
 *
 * @throws NestbitError `UNSUPPORTED`, `STORE_DAMAGED`
 */
export function checkCodesVersion(version: number, codec: Codec, folder: string): CodesVersion {
  if (version !== 1 && version !== CODES_VERSION) {
    throw new NestbitError(
      'UNSUPPORTED',
      `${folder} is of version ${version}, this nestbit reads versions 1 and ${CODES_VERSION}. Update nestbit.`,
    );
  }
  if (version === 1 && (codec.layout.scalars > 0 || codec.copy !== 'calibrated')) {
    throw new NestbitError(
      'STORE_DAMAGED',
      `${folder} has settings of version 1 and a codec that came later. Restore the store from a copy.`,
    );
  }
  return version;
}

/** The layout as the addon takes it. */
export function nativeLayout(version: CodesVersion, codec: Codec): NativeLayout {
  const { bits, scalars, copy } = codec.layout;
  return { format: version, bits, scalars, copy: codec.copy, copyBytes: copy };
}

function slices(part: 'bits' | 'scalars' | 'copies', width: number): CodeFile['content'] {
  return (codes, first, last) => codes[part].subarray(first * width, last * width);
}

// CRC-32C of each row's bits and scalars.
function checksOfBits(codes: Codes, first: number, last: number): Uint8Array {
  return bytesOf(sumsOfBits(codes, first, last));
}

// Each copy, followed by its CRC-32C: one read brings both.
function checkedCopies(codes: Codes, first: number, last: number): Uint8Array {
  const width = codes.copies.length / codes.rows;
  return addon().withChecksums(codes.copies.subarray(first * width, last * width), last - first);
}

// Two a row: of the bits, of the copy.
function checksOfVersion1(codes: Codes, first: number, last: number): Uint8Array {
  const bits = sumsOfBits(codes, first, last);
  const width = codes.copies.length / codes.rows;
  const copies = addon().checksums(codes.copies.subarray(first * width, last * width), last - first);
  const both = new Uint32Array(2 * bits.length);
  for (let row = 0; row < bits.length; row++) {
    both[2 * row] = bits[row];
    both[2 * row + 1] = copies[row];
  }
  return bytesOf(both);
}

function sumsOfBits({ bits, scalars, rows }: Codes, first: number, last: number): Uint32Array {
  const [width, more] = [bits.length / rows, scalars.length / rows];
  const sums = addon().checksums(bits.subarray(first * width, last * width), last - first);
  if (more === 0) return sums;
  return addon().checksums(scalars.subarray(first * more, last * more), last - first, sums);
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
