import { type FileHandle, open } from 'node:fs/promises';
import { getFloat16 } from '@petamoriken/float16';
import { NestbitError } from '../errors.ts';

/** A tensor of a safetensors file: where it lies, and its shape. */
export interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly start: number;
  readonly end: number;
}

/** Bytes a value of the types that are read. */
const WIDTHS: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I8: 1,
  U8: 1,
};
/** As the format's own reader has it. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Reads tensors of a safetensors file (github.com/huggingface/safetensors: the header's length as uint64, a JSON
 * header, then the values, little-endian). The header is checked against the file before a value is read.
 */
export class Safetensors {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #file: FileHandle;

  private constructor(path: string, tensors: ReadonlyMap<string, TensorInfo>, file: FileHandle) {
    this.path = path;
    this.tensors = tensors;
    this.#file = file;
  }

  /** @throws NestbitError `MODEL_INVALID`, `FILE_NOT_FOUND` */
  static async open(path: string): Promise<Safetensors> {
    const file = await open(path, 'r').catch((cause) => {
      throw new NestbitError('FILE_NOT_FOUND', `${path} cannot be opened (${(cause as Error).message}).`, {
        cause,
      });
    });
    try {
      return new Safetensors(path, await readHeader(path, file), file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * A tensor's values as float32, in shared memory, which every thread may read.
   *
   * @throws NestbitError `MODEL_INVALID` for a tensor that the file lacks or a type that is no float
   */
  async floats(name: string): Promise<Float32Array<SharedArrayBuffer>> {
    const info = this.#tensor(name);
    const count = info.shape.reduce((product, n) => product * n, 1);
    const out = new Float32Array(new SharedArrayBuffer(count * 4));
    await this.#read(name, info, out);
    return out;
  }

  /**
   * Some rows of a matrix as float32: count × columns.
   *
   * @throws NestbitError as `floats`
   */
  async rows(name: string, first: number, count: number): Promise<Float32Array> {
    const { dtype, shape, start } = this.#tensor(name);
    const perRow = shape[1] * WIDTHS[dtype];
    const range = { dtype, shape, start: start + first * perRow, end: start + (first + count) * perRow };
    const out = new Float32Array(count * shape[1]);
    await this.#read(name, range, out);
    return out;
  }

  #tensor(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (info !== undefined) return info;
    throw broken(this.path, `has no tensor ${name}; it has ${[...this.tensors.keys()].join(', ')}`);
  }

  async #read(name: string, info: TensorInfo, out: Float32Array): Promise<void> {
    const convert = CONVERTERS[info.dtype];
    if (convert === undefined)
      throw broken(this.path, `holds ${name} as ${info.dtype}; F64, F32, F16 and BF16 are read as floats`);
    const width = WIDTHS[info.dtype];
    const chunk = new Uint8Array(Math.min(info.end - info.start, 1 << 22));
    const view = new DataView(chunk.buffer);
    for (let at = info.start; at < info.end; ) {
      const bytes = Math.min(chunk.length, info.end - at);
      await readExactly(this.#file, chunk.subarray(0, bytes), at, this.path);
      const first = (at - info.start) / width;
      for (let i = 0; i < bytes / width; i++) out[first + i] = convert(view, i * width);
      at += bytes;
    }
  }

  /** A tensor of whole numbers (I64, I32). */
  async integers(name: string): Promise<Int32Array<SharedArrayBuffer>> {
    const info = this.tensors.get(name);
    if (info?.dtype !== 'I64' && info?.dtype !== 'I32')
      throw broken(this.path, `has no tensor ${name} of the type I64 or I32`);
    const bytes = new Uint8Array(info.end - info.start);
    await readExactly(this.#file, bytes, info.start, this.path);
    const view = new DataView(bytes.buffer);
    const width = WIDTHS[info.dtype];
    const out = new Int32Array(new SharedArrayBuffer((bytes.length / width) * 4));
    for (let i = 0; i < out.length; i++) {
      // The upper half of an I64 only says the sign.
      out[i] = view.getInt32(i * width, true);
    }
    return out;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** The bytes of a safetensors file with float32 tensors, in the order given. */
export function safetensorsFile(
  tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  let end = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, ' ');
  text.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const values = Object.values(tensors).map(
    ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  return Buffer.concat([length, padded, ...values]);
}

const CONVERTERS: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  F64: (view, at) => view.getFloat64(at, true),
  F32: (view, at) => view.getFloat32(at, true),
  F16: (view, at) => getFloat16(view, at, true),
  BF16: (view, at) => bfloat16(view.getUint16(at, true)),
};

const bits = new DataView(new ArrayBuffer(4));

/** bfloat16 is the upper half of a float32. */
function bfloat16(value: number): number {
  bits.setUint32(0, value << 16);
  return bits.getFloat32(0);
}

async function readHeader(path: string, file: FileHandle): Promise<ReadonlyMap<string, TensorInfo>> {
  const { size } = await file.stat();
  const prefix = new Uint8Array(8);
  if (size < 8) throw broken(path, `has ${size} bytes, too few for a header`);
  await readExactly(file, prefix, 0, path);
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES || 8 + length > size)
    throw broken(path, `says that its header has ${length} bytes, and the file has ${size}`);
  const text = new Uint8Array(length);
  await readExactly(file, text, 8, path);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch (cause) {
    throw broken(path, `has a header that is not JSON (${(cause as Error).message})`, cause);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw broken(path, 'has a header that is not an object');
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return new Map(entries.map(([name, entry]) => [name, infoOf(path, name, entry, 8 + length, size)]));
}

function infoOf(path: string, name: string, entry: unknown, base: number, size: number): TensorInfo {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const counts = (value: unknown): value is number[] =>
    Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (typeof dtype !== 'string' || !counts(shape) || !counts(offsets) || offsets.length !== 2)
    throw broken(path, `has no type, shape and offsets for the tensor ${name}`);
  const [start, end] = offsets.map((offset) => base + offset);
  const width = WIDTHS[dtype];
  const bytes = width === undefined ? end - start : width * shape.reduce((product, n) => product * n, 1);
  if (end > size || end - start !== bytes)
    throw broken(
      path,
      `puts the tensor ${name} of shape (${shape}) and type ${dtype} at bytes ${start} to ${end} of ${size}`,
    );
  return { dtype, shape, start, end };
}

async function readExactly(file: FileHandle, out: Uint8Array, at: number, path: string): Promise<void> {
  for (let done = 0; done < out.length; ) {
    const { bytesRead } = await file.read(out, done, out.length - done, at + done);
    if (bytesRead === 0) throw broken(path, `ends at byte ${at + done}`);
    done += bytesRead;
  }
}

function broken(path: string, what: string, cause?: unknown): NestbitError {
  return new NestbitError('MODEL_INVALID', `${path} ${what}.`, { cause });
}
