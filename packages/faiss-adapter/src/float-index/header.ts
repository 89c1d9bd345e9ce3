import type { FileHandle } from 'node:fs/promises';
import { NestbitError } from '@nestbit/core';

/** Where the parts of a flat float index lie in its file; faiss's own format, little-endian. */
export interface FloatIndexHeader {
  readonly metric: 'inner product' | 'l2';
  readonly rows: number;
  readonly dimensions: number;
  /** Offset of rows × dimensions float32. */
  readonly vectors: number;
  /** Offset of an int64 a row, for an index inside an id map. */
  readonly ids: number | undefined;
}

const FLAT = ['IxFI', 'IxF2', 'IxFl'];
const ID_MAP = ['IxMp', 'IxM2'];
// fourcc, dimensions (int32), rows (int64), two unused int64, trained (byte), metric (int32)
const HEADER_BYTES = 4 + 4 + 8 + 16 + 1 + 4;
const METRICS: readonly (FloatIndexHeader['metric'] | undefined)[] = ['inner product', 'l2'];

/** @throws NestbitError `INDEX_INVALID` for a damaged file, `UNSUPPORTED` for another kind of index */
export async function readFloatHeader(handle: FileHandle, path: string): Promise<FloatIndexHeader> {
  const { size } = await handle.stat();
  const outer = await readHeader(handle, path, 0);
  const mapped = ID_MAP.includes(outer.kind);
  const start = mapped ? HEADER_BYTES : 0;
  const flat = mapped ? await readHeader(handle, path, start) : outer;
  if (!FLAT.includes(flat.kind)) {
    throw new NestbitError(
      'UNSUPPORTED',
      `${path} is a faiss index of kind ${JSON.stringify(flat.kind)}; flat float indexes are read ` +
        '(IndexFlatIP, IndexFlatL2, also in an id map). Reconstruct its vectors into a .npy file.',
    );
  }
  if (flat.rows !== outer.rows || flat.dimensions !== outer.dimensions) {
    throw invalid(
      path,
      `its id map tells of ${outer.rows} rows of ${outer.dimensions} dimensions, the index in it of ${flat.rows} of ` +
        `${flat.dimensions}`,
    );
  }
  const metric = METRICS[flat.metric];
  if (metric === undefined)
    throw new NestbitError(
      'UNSUPPORTED',
      `${path} has the metric ${flat.metric}; inner product and L2 are read.`,
    );
  const { rows, dimensions } = flat;
  const counted = start + HEADER_BYTES;
  const vectors = counted + 8;
  await expectCount(handle, path, counted, rows * dimensions, 'values');
  const end = vectors + rows * dimensions * 4;
  if (mapped) await expectCount(handle, path, end, rows, 'ids');
  const needed = mapped ? end + 8 + rows * 8 : end;
  if (size < needed) throw invalid(path, `it has ${size} bytes, its ${rows} rows need ${needed}`);
  return { metric, rows, dimensions, vectors, ids: mapped ? end + 8 : undefined };
}

interface RawHeader {
  readonly kind: string;
  readonly dimensions: number;
  readonly rows: number;
  readonly metric: number;
}

async function readHeader(handle: FileHandle, path: string, at: number): Promise<RawHeader> {
  const bytes = Buffer.alloc(HEADER_BYTES);
  const { bytesRead } = await handle.read(bytes, 0, HEADER_BYTES, at);
  const kind = bytes.toString('latin1', 0, 4);
  if (bytesRead < HEADER_BYTES || !/^I[A-Za-z0-9]{3}$/.test(kind))
    throw invalid(path, `no header of a faiss index stands at byte ${at}`);
  const dimensions = bytes.readInt32LE(4);
  const rows = Number(bytes.readBigInt64LE(8));
  if (dimensions < 1 || rows < 0 || !Number.isSafeInteger(rows * dimensions * 4))
    throw invalid(path, `its header tells of ${rows} rows of ${dimensions} dimensions`);
  return { kind, dimensions, rows, metric: bytes.readInt32LE(33) };
}

async function expectCount(
  handle: FileHandle,
  path: string,
  at: number,
  expected: number,
  what: string,
): Promise<void> {
  const bytes = Buffer.alloc(8);
  const { bytesRead } = await handle.read(bytes, 0, 8, at);
  const count = bytes.readBigUInt64LE();
  if (bytesRead < 8 || count !== BigInt(expected))
    throw invalid(path, `it counts ${bytesRead < 8 ? 'no' : count} ${what} where its header has ${expected}`);
}

function invalid(path: string, what: string): NestbitError {
  return new NestbitError('INDEX_INVALID', `${path} cannot be read as a faiss index: ${what}.`);
}
