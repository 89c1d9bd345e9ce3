import { open } from 'node:fs/promises';
import { NestbitError } from '@nestbit/core';

/** Kinds of files of vectors. */
export type Kind =
  | 'npy'
  | 'npz'
  | 'faiss'
  | 'parquet'
  | 'arrow'
  | 'hdf5'
  | 'fvecs'
  | 'bvecs'
  | 'ivecs'
  | 'safetensors'
  | 'json'
  | 'jsonl';

/** Signatures at the start of a file. */
const SIGNATURES: readonly (readonly [string, Kind])[] = [
  ['\x93NUMPY', 'npy'],
  ['PK\x03\x04', 'npz'],
  ['PAR1', 'parquet'],
  ['ARROW1', 'arrow'],
  ['\xff\xff\xff\xff', 'arrow'],
  ['\x89HDF\r\n\x1a\n', 'hdf5'],
];
/** The kind of the index, and its dimensions as int32, below 2^20. */
const FAISS = /^I[A-Za-z][A-Za-z0-9]{2}[\s\S]{2}[\0-\x0f]\0/;
const JSONL = /\.(jsonl|ndjson)(\.gz)?$/i;

/**
 * Tells the kind of a file by its content; only `.fvecs`, `.bvecs` and `.ivecs`, which have no mark, by their names.
 *
 * @throws NestbitError `FILE_NOT_FOUND`, `UNSUPPORTED` for a kind that is not read, with what to do instead
 */
export async function tellKind(path: string): Promise<Kind> {
  const start = await readStart(path);
  const text = start.toString('latin1');
  const known = SIGNATURES.find(([signature]) => text.startsWith(signature));
  if (known !== undefined) return known[1];
  if (FAISS.test(text)) return 'faiss';
  if (text.startsWith('version https://git-lfs'))
    throw unread(path, 'a Git LFS pointer, not the file itself; fetch it with git lfs pull');
  if (/^(\xff\xfe|\xfe\xff)/.test(text) || /^[[{]\0/.test(text))
    throw unread(path, 'text in UTF-16; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)');
  if (text.startsWith('\x80') && /\.(pkl|pickle|pt|bin)$/i.test(path))
    throw unread(
      path,
      'a Python pickle, which can run code when it is read; save the vectors with numpy.save',
    );
  // The length of a JSON header, then the header.
  if (start.length > 8 && start.readBigUInt64LE(0) < 1n << 27n && text[8] === '{') return 'safetensors';
  if (/\.fvecs$/i.test(path)) return 'fvecs';
  if (/\.bvecs$/i.test(path)) return 'bvecs';
  if (/\.ivecs$/i.test(path)) return 'ivecs';
  const first = text.replace(/^\xef\xbb\xbf/, '').trimStart()[0];
  // An array, or one object over many lines, whatever the file is called.
  if (first === '[') return 'json';
  if (first === '{') return JSONL.test(path) || !/\.json$/i.test(path) ? 'jsonl' : 'json';
  if (JSONL.test(path) || text.startsWith('\x1f\x8b')) return 'jsonl';
  if (/\.npy$/i.test(path)) return 'npy';
  if (/\.(faiss|index)$/i.test(path)) return 'faiss';
  throw unread(
    path,
    'of no known kind: .npy, .npz, safetensors, Parquet, Arrow, HDF5, .fvecs, .bvecs, .ivecs, faiss indexes, JSON and JSON lines are read',
  );
}

async function readStart(path: string): Promise<Buffer> {
  const file = await open(path, 'r').catch((cause: Error) => {
    throw new NestbitError('FILE_NOT_FOUND', `${path} cannot be opened (${cause.message}).`, { cause });
  });
  try {
    const bytes = Buffer.alloc(512);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function unread(path: string, what: string): NestbitError {
  return new NestbitError('UNSUPPORTED', `${path} is ${what}.`);
}
