import type { BadCode, SourceKind } from './kinds.ts';

/** What is wrong with a value. */
export interface Fault {
  readonly code: BadCode;
  readonly reason: string;
}

/** Memory for floats, which is also seen as bytes. */
export interface Floats {
  readonly values: Float32Array;
  readonly bytes: Buffer;
}

/**
 * Reads one value of a column, in its binary form (json as text), into floats.
 *
 * @param into floats for `dimensions` values from `at` on
 * @returns what is wrong; nothing when the values were read
 */
export type Parser = (bytes: Buffer, into: Floats, at: number, dimensions: number) => Fault | undefined;

/** Kinds whose floats are left in the order of bytes of the network, to be swapped many at a time. */
export const SWAPPED_LATER: readonly SourceKind[] = ['vector'];

const parsers: Readonly<Record<Exclude<SourceKind, 'text'>, Parser>> = {
  vector: (bytes, into, at, dimensions) => {
    const width = bytes.readInt16BE(0);
    if (width !== dimensions) return otherWidth(width, dimensions);
    bytes.copy(into.bytes, 4 * at, 4);
    return undefined;
  },
  halfvec: (bytes, into, at, dimensions) => {
    const width = bytes.readInt16BE(0);
    if (width !== dimensions) return otherWidth(width, dimensions);
    const table = halves();
    for (let i = 0; i < dimensions; i++) into.values[at + i] = table[bytes.readUInt16BE(4 + 2 * i)];
    return undefined;
  },
  'real[]': arrayParser(4, (bytes, from) => bytes.readFloatBE(from)),
  'double precision[]': arrayParser(8, (bytes, from) => bytes.readDoubleBE(from)),
  bytea: (bytes, into, at, dimensions) => {
    if (bytes.length % 4 !== 0)
      return {
        code: 'VECTOR_INVALID',
        reason: `it has ${bytes.length} bytes, no whole number of float32 values`,
      };
    if (bytes.length !== 4 * dimensions) return otherWidth(bytes.length / 4, dimensions);
    bytes.copy(into.bytes, 4 * at);
    if (!LITTLE) into.bytes.subarray(4 * at, 4 * (at + dimensions)).swap32();
    return undefined;
  },
  jsonb: (bytes, into, at, dimensions) => {
    const values = parsed(bytes);
    if (!Array.isArray(values) || values.some((value) => typeof value !== 'number'))
      return { code: 'VECTOR_INVALID', reason: 'it is no array of numbers' };
    if (values.length !== dimensions) return otherWidth(values.length, dimensions);
    into.values.set(values as number[], at);
    return undefined;
  },
};

/** The parser of a kind. */
export function parserOf(kind: SourceKind): Parser {
  if (kind === 'text') throw new TypeError('a column of text holds no embeddings');
  return parsers[kind];
}

/** Whether this machine has the low byte first. */
export const LITTLE: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

// array_send: dimensions of the array, whether there are nulls, type; of each dimension size and lower bound; each
// value after its length. Any number of dimensions but one is no vector.
function arrayParser(size: 4 | 8, read: (bytes: Buffer, from: number) => number): Parser {
  return (bytes, into, at, dimensions) => {
    const ranks = bytes.readInt32BE(0);
    if (ranks > 1)
      return { code: 'VECTOR_INVALID', reason: `it is an array of ${ranks} dimensions, not of one` };
    const width = ranks === 0 ? 0 : bytes.readInt32BE(12);
    if (width !== dimensions) return otherWidth(width, dimensions);
    if (bytes.length !== 20 + width * (4 + size))
      return { code: 'VECTOR_INVALID', reason: 'it holds null among its values' };
    for (let i = 0; i < width; i++) into.values[at + i] = read(bytes, 24 + i * (4 + size));
    return undefined;
  };
}

function otherWidth(width: number, dimensions: number): Fault {
  return { code: 'DIMENSIONS', reason: `it has ${width} dimensions, not ${dimensions}` };
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

let table: Float32Array | undefined;

/** Every float16 as float32, by its bits: IEEE 754 binary16. */
function halves(): Float32Array {
  if (table !== undefined) return table;
  table = Float32Array.from({ length: 65_536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
  });
  return table;
}
