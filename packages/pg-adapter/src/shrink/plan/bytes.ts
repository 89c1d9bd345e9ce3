import type { Codec } from '@nestbit/core';
import { HNSW, type PgIndex } from '../../index-build/index-builder.ts';
import type { IdType, Layout } from '../../schema/tables.ts';

/** Bytes of what a migration adds. */
export interface CodeBytes {
  /** Tables with the codes, TOAST included. */
  readonly codes: number;
  /** Primary keys. */
  readonly keys: number;
  /** The index on the bits. */
  readonly index: number;
}

const PAGE = 8192;
/** Header of a page, and the pointer to each row in it. */
const PAGE_HEADER = 24;
const POINTER = 4;
/** Rows beyond this go to TOAST; chunks there hold this much. */
const TOAST_OVER = 2032;
const TOAST_CHUNK = 1996;

const aligned = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

/**
 * What the codes of some rows take, from the layout of tuples, pages, btrees and pgvector's HNSW.
 * https://www.postgresql.org/docs/current/storage-page-layout.html
 *
 * @param idBytes mean length of text ids
 */
export function codeBytes(
  rows: number,
  { layout: parts }: Codec,
  {
    idType,
    idBytes,
    layout,
    index,
  }: { idType: IdType; idBytes: number; layout: Layout; index: PgIndex | 'none' },
): CodeBytes {
  const id = idType === 'text' ? idBytes + (idBytes < 127 ? 1 : 4) : idType === 'uuid' ? 16 : 8;
  // Header, then id and seq, aligned to 8.
  const start = 24 + aligned(id, 8) + 8;
  const bits = 8 + parts.bits;
  // The scalars lie between the bits and a copy that is aligned to 4, unless it is short.
  const narrow = parts.scalars === 0 ? bits : aligned(bits, 2) + parts.scalars;
  const copy = parts.copy === 0 ? 0 : parts.copy + (parts.copy < 127 ? 1 : 4);
  const wide = aligned(start + (layout === 'inline' ? aligned(narrow, 4) : 0) + copy, 8);
  let codes =
    wide <= TOAST_OVER ? heap(rows, wide) : heap(rows, aligned(start + 18, 8)) + toast(rows, parts.copy);
  let keys = btree(rows, id);
  if (layout === 'split') {
    codes += heap(rows, aligned(start + narrow, 8));
    keys *= 2;
  }
  return {
    codes,
    keys,
    index:
      index === 'none'
        ? 0
        : index.kind === 'hnsw'
          ? hnsw(rows, bits, index.m ?? HNSW.m)
          : ivf(rows, bits, index.lists),
  };
}

function heap(rows: number, tuple: number): number {
  return PAGE * Math.ceil(rows / Math.floor((PAGE - PAGE_HEADER) / (tuple + POINTER)));
}

// Chunks in the order in which they come, each into the page before it where it fits; and the index on them.
function toast(rows: number, bytes: number): number {
  const chunks: number[] = [];
  for (let rest = bytes; rest > 0; rest -= TOAST_CHUNK)
    chunks.push(aligned(24 + 8 + 4 + Math.min(rest, TOAST_CHUNK), 8) + POINTER);
  const packed = 100;
  let pages = 1;
  let free = PAGE - PAGE_HEADER;
  for (let row = 0; row < packed; row++) {
    for (const chunk of chunks) {
      if (chunk > free) {
        pages++;
        free = PAGE - PAGE_HEADER;
      }
      free -= chunk;
    }
  }
  return Math.ceil((rows * pages * PAGE) / packed) + btree(rows * chunks.length, 8);
}

// Leaves nine tenths full, since rows come in the order of the keys, and the levels above them.
function btree(rows: number, key: number): number {
  const tuple = aligned(8 + key, 8) + POINTER;
  const leaves = Math.ceil(rows / Math.floor(((PAGE - PAGE_HEADER - 16) * 0.9) / tuple));
  return PAGE * (1 + leaves + Math.ceil(leaves / 250));
}

/**
 * pgvector's elements and their neighbours (src/hnsw.h of 0.7 and 0.8): 72 bytes and the value; 4 bytes and 6 for each of
 * m × (level + 2) links. A row is of level l or above with probability m^-l.
 */
function hnsw(rows: number, value: number, m: number): number {
  const element = aligned(72 + value, 8) + POINTER;
  let each = 0;
  for (let level = 0; level < 4; level++) {
    const share = m ** -level * (1 - 1 / m);
    each += share * (aligned(4 + 6 * m * (level + 2), 8) + POINTER);
  }
  const room = PAGE - PAGE_HEADER - 8;
  return PAGE * (1 + Math.ceil(rows / Math.floor(room / (element + each))));
}

function ivf(rows: number, value: number, lists: number): number {
  const each = aligned(8 + value, 8) + POINTER;
  // Each list ends in a page that is half empty.
  return (
    PAGE *
    (1 +
      lists / 2 +
      Math.ceil(rows / Math.floor((PAGE - PAGE_HEADER - 8) / each)) +
      Math.ceil((lists * each) / PAGE))
  );
}
