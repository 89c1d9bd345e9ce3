import { NetworkFloats, wrongType } from '@nestbit/core';
import type { BadCode, SourceKind } from './kinds.ts';

/** What is wrong with a value. */
export interface Fault {
  readonly code: BadCode;
  readonly reason: string;
}

/**
 * Reads one value of a column, in its binary form (json as text), into floats.
 *
 * @param bytes with the value at `from` to `end`
 * @param into takes `dimensions` values from `at` on
 * @returns what is wrong; nothing when the values were read
 */
export type Parser = (
  bytes: Buffer,
  from: number,
  end: number,
  into: Float32Array,
  at: number,
  dimensions: number,
) => Fault | undefined;

const network = new NetworkFloats();
const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

const parsers: Readonly<Record<Exclude<SourceKind, 'text'>, Parser>> = {
  vector: (bytes, from, _end, into, at, dimensions) => {
    const width = bytes.readInt16BE(from);
    if (width !== dimensions) return otherWidth(width, dimensions);
    network.read(bytes, from + 4, into, at, dimensions);
    return undefined;
  },
  halfvec: (bytes, from, _end, into, at, dimensions) => {
    const width = bytes.readInt16BE(from);
    if (width !== dimensions) return otherWidth(width, dimensions);
    const table = halves();
    for (let i = 0; i < dimensions; i++) into[at + i] = table[bytes.readUInt16BE(from + 4 + 2 * i)];
    return undefined;
  },
  'real[]': arrayParser(4, (bytes, from) => bytes.readFloatBE(from)),
  'double precision[]': arrayParser(8, (bytes, from) => bytes.readDoubleBE(from)),
  bytea: (bytes, from, end, into, at, dimensions) => {
    const length = end - from;
    if (length % 4 !== 0)
      return {
        code: 'VECTOR_INVALID',
        reason: `it has ${length} bytes, no whole number of float32 values`,
      };
    if (length !== 4 * dimensions) return otherWidth(length / 4, dimensions);
    const target = Buffer.from(into.buffer, into.byteOffset + 4 * at, length);
    bytes.copy(target, 0, from, end);
    if (!LITTLE) target.swap32();
    return undefined;
  },
  jsonb: (bytes, from, end, into, at, dimensions) => {
    const values = parsed(bytes.toString('utf8', from, end));
    if (!Array.isArray(values) || values.some((value) => typeof value !== 'number'))
      return { code: 'VECTOR_INVALID', reason: 'it is no array of numbers' };
    if (values.length !== dimensions) return otherWidth(values.length, dimensions);
    into.set(values as number[], at);
    return undefined;
  },
};

/** The parser of a kind. */
export function parserOf(kind: SourceKind): Parser {
  if (kind === 'text') throw wrongType('a column of text holds no embeddings');
  return parsers[kind];
}

// array_send: dimensions of the array, whether there are nulls, type; of each dimension size and lower bound; each
// value after its length. Any number of dimensions but one is no vector.
function arrayParser(size: 4 | 8, read: (bytes: Buffer, from: number) => number): Parser {
  return (bytes, from, end, into, at, dimensions) => {
    const ranks = bytes.readInt32BE(from);
    if (ranks > 1)
      return { code: 'VECTOR_INVALID', reason: `it is an array of ${ranks} dimensions, not of one` };
    const width = ranks === 0 ? 0 : bytes.readInt32BE(from + 12);
    if (width !== dimensions) return otherWidth(width, dimensions);
    if (end - from !== 20 + width * (4 + size))
      return { code: 'VECTOR_INVALID', reason: 'it holds null among its values' };
    for (let i = 0; i < width; i++) into[at + i] = read(bytes, from + 24 + i * (4 + size));
    return undefined;
  };
}

function otherWidth(width: number, dimensions: number): Fault {
  return { code: 'DIMENSIONS', reason: `it has ${width} dimensions, not ${dimensions}` };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
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
