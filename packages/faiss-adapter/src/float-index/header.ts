import type { FileHandle } from 'node:fs/promises';
import { NestbitError } from '@nestbit/core';
import { Cursor } from './cursor.ts';

/** Rows that stand side by side in an index file. */
export interface Piece {
  readonly rows: number;
  /** Offset of rows × dimensions float32. */
  readonly vectors: number;
  /** Offset of an int64 a row, where they have ids. */
  readonly ids: number | undefined;
}

/** Where the parts of a float index lie in its file; faiss's own format, little-endian. */
export interface FloatIndexHeader {
  readonly metric: 'inner product' | 'l2';
  readonly rows: number;
  readonly dimensions: number;
  readonly hasIds: boolean;
  /** One for a flat index and HNSW, the lists of an IVF index. */
  readonly pieces: readonly Piece[];
}

const FLAT = ['IxFI', 'IxF2', 'IxFl'];
const HNSW_FLAT = 'IHNf';
const IVF_FLAT = 'IwFl';
const ID_MAP = ['IxMp', 'IxM2'];
/** Type of a direct map from ids to places, which is stored as pairs. */
const HASH_TABLE = 2;
// fourcc, dimensions (int32), rows (int64), two unused int64, trained (byte), metric (int32)
const HEADER_BYTES = 4 + 4 + 8 + 16 + 1 + 4;
const METRICS: readonly (FloatIndexHeader['metric'] | undefined)[] = ['inner product', 'l2'];

/** @throws NestbitError `INDEX_INVALID` for a damaged file, `UNSUPPORTED` for another kind of index */
export async function readFloatHeader(handle: FileHandle, path: string): Promise<FloatIndexHeader> {
  const { size } = await handle.stat();
  const cursor = new Cursor(handle, path, size);
  const outer = await readHeader(cursor);
  const mapped = ID_MAP.includes(outer.kind);
  const index = mapped ? await readHeader(cursor) : outer;
  if (![...FLAT, HNSW_FLAT, ...(mapped ? [] : [IVF_FLAT])].includes(index.kind)) {
    throw new NestbitError(
      'UNSUPPORTED',
      `${path} is a faiss index of kind ${JSON.stringify(index.kind)}${mapped ? ' in an id map' : ''}; flat float ` +
        'indexes and HNSWFlat are read (also in an id map), and IVFFlat. Reconstruct its vectors into a .npy file.',
    );
  }
  checkSame(cursor, outer, index, 'its id map tells');
  const metric = METRICS[index.metric];
  if (metric === undefined)
    throw new NestbitError(
      'UNSUPPORTED',
      `${path} has the metric ${index.metric}; inner product and L2 are read.`,
    );
  const { rows, dimensions } = index;
  const found = { metric, rows, dimensions };
  if (index.kind === IVF_FLAT) return { ...found, hasIds: true, pieces: await readLists(cursor, index) };
  const vectors = await readVectors(cursor, index);
  if (mapped) await expectCount(cursor, rows, 'ids');
  const ids = mapped ? cursor.at : undefined;
  if (mapped) cursor.skip(rows * 8, `${rows} rows`);
  return { ...found, hasIds: mapped, pieces: [{ rows, vectors, ids }] };
}

interface RawHeader {
  readonly kind: string;
  readonly dimensions: number;
  readonly rows: number;
  readonly metric: number;
}

async function readHeader(cursor: Cursor): Promise<RawHeader> {
  const { at } = cursor;
  const bytes = await cursor.bytes(HEADER_BYTES, 'header');
  const kind = bytes.toString('latin1', 0, 4);
  if (!/^I[A-Za-z0-9]{3}$/.test(kind))
    throw cursor.invalid(`no header of a faiss index stands at byte ${at}`);
  const dimensions = bytes.readInt32LE(4);
  const rows = Number(bytes.readBigInt64LE(8));
  if (dimensions < 1 || rows < 0 || !Number.isSafeInteger(rows * dimensions * 4))
    throw cursor.invalid(`its header tells of ${rows} rows of ${dimensions} dimensions`);
  return { kind, dimensions, rows, metric: bytes.readInt32LE(33) };
}

/** Passes over what follows the header of a flat index or of HNSW; returns the offset of its vectors. */
async function readVectors(cursor: Cursor, index: RawHeader): Promise<number> {
  if (index.kind === HNSW_FLAT) {
    await skipGraph(cursor);
    const storage = await readHeader(cursor);
    if (!FLAT.includes(storage.kind))
      throw cursor.invalid(`its graph lies over an index of kind ${JSON.stringify(storage.kind)}`);
    checkSame(cursor, index, storage, 'its graph tells');
  }
  const values = index.rows * index.dimensions;
  await expectCount(cursor, values, 'values');
  const vectors = cursor.at;
  cursor.skip(values * 4, `${index.rows} rows`);
  return vectors;
}

/** The graph of HNSW: probabilities of levels, neighbours per level, levels, offsets, neighbours, five int32. */
async function skipGraph(cursor: Cursor): Promise<void> {
  for (const width of [8, 4, 4, 8, 4]) await cursor.skipVector(width, 'graph');
  cursor.skip(5 * 4, 'graph');
}

/** The lists of IVFFlat behind its header: numbers of lists and probes, quantizer, direct map, inverted lists. */
async function readLists(cursor: Cursor, index: RawHeader): Promise<Piece[]> {
  const lists = await cursor.count('header');
  await cursor.count('header');
  const quantizer = await readHeader(cursor);
  if (![...FLAT, HNSW_FLAT].includes(quantizer.kind))
    throw new NestbitError(
      'UNSUPPORTED',
      `${cursor.path} has a quantizer of kind ${JSON.stringify(quantizer.kind)}; flat ones and HNSWFlat are read. ` +
        'Reconstruct its vectors into a .npy file.',
    );
  if (quantizer.rows !== lists || quantizer.dimensions !== index.dimensions)
    throw cursor.invalid(
      `it has ${lists} lists of ${index.dimensions} dimensions, its quantizer ${quantizer.rows} of ${quantizer.dimensions}`,
    );
  await readVectors(cursor, quantizer);
  const map = (await cursor.bytes(1, 'direct map'))[0];
  await cursor.skipVector(8, 'direct map');
  if (map === HASH_TABLE) await cursor.skipVector(16, 'direct map');
  const kind = (await cursor.bytes(4, 'lists')).toString('latin1');
  if (kind !== 'ilar')
    throw new NestbitError(
      'UNSUPPORTED',
      `${cursor.path} keeps its lists as ${JSON.stringify(kind)}, outside the file; write it with its lists in memory.`,
    );
  await expectCount(cursor, lists, 'lists');
  const rowBytes = index.dimensions * 4;
  await expectCount(cursor, rowBytes, 'bytes of a row');
  const sizes = await readSizes(cursor, lists);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== index.rows)
    throw cursor.invalid(`its lists have ${total} rows, its header has ${index.rows}`);
  return sizes.map((rows) => {
    const vectors = cursor.at;
    cursor.skip(rows * (rowBytes + 8), `${index.rows} rows`);
    return { rows, vectors, ids: vectors + rows * rowBytes };
  });
}

/** Sizes of lists: all of them, or pairs of number and size of those that are not empty. */
async function readSizes(cursor: Cursor, lists: number): Promise<number[]> {
  const kind = (await cursor.bytes(4, 'lists')).toString('latin1');
  if (kind !== 'full' && kind !== 'sprs') throw cursor.invalid(`its lists are ${JSON.stringify(kind)}`);
  const count = await cursor.count('lists');
  const bytes = await cursor.bytes(count * 8, 'lists');
  const numbers = Array.from({ length: count }, (_, i) => Number(bytes.readBigUInt64LE(i * 8)));
  const sizes = kind === 'full' ? numbers : numbers.filter((_, i) => i % 2 === 1);
  if (kind === 'full' ? count !== lists : count % 2 !== 0 || sizes.length > lists)
    throw cursor.invalid(`it counts ${count} sizes of ${lists} lists`);
  return sizes;
}

function checkSame(cursor: Cursor, outer: RawHeader, inner: RawHeader, tells: string): void {
  if (inner.rows === outer.rows && inner.dimensions === outer.dimensions) return;
  throw cursor.invalid(
    `${tells} of ${outer.rows} rows of ${outer.dimensions} dimensions, the index in it of ${inner.rows} of ` +
      `${inner.dimensions}`,
  );
}

async function expectCount(cursor: Cursor, expected: number, what: string): Promise<void> {
  const count = await cursor.count(what);
  if (count !== expected) throw cursor.invalid(`it counts ${count} ${what} where its header has ${expected}`);
}
