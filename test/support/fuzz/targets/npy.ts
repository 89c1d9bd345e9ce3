import { openNpy } from '@nestbit/core';
import { randomVectors } from '../../vectors.ts';
import { expectAnswer, type FuzzTarget } from '../target.ts';

const ROWS = 7;
const DIMENSIONS = 5;

function bytesOf(descr: string, shape: string, data: Buffer, version = 1, order = 'False'): Buffer {
  const text = Buffer.from(
    `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`,
    'latin1',
  );
  const prefix = Buffer.from(
    `\x93NUMPY${String.fromCharCode(version)}\x00\x00\x00${version > 1 ? '\x00\x00' : ''}`,
    'latin1',
  );
  prefix.writeUInt16LE(text.length, 8);
  return Buffer.concat([prefix, text, data]);
}

/** The header as a JSON value, which Python's literals nearly are. */
function literals(text: string): { descr: string; shape: number[] } {
  const json = text
    .replaceAll("'", '"')
    .replace(/\s/g, ' ')
    .replaceAll('True', 'true')
    .replaceAll('False', 'false')
    .replace(/(\d)L\b/g, '$1')
    .replace(/\(([^()]*)\)/g, '[$1]')
    .replace(/,\s*([\]}])/g, '$1');
  return JSON.parse(json.trim());
}

function half(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

function valueAt(view: DataView, type: string, at: number, little: boolean): number | bigint {
  if (type === 'f2') return half(view.getUint16(at * 2, little));
  if (type === 'f4') return view.getFloat32(at * 4, little);
  if (type === 'f8') return Math.fround(view.getFloat64(at * 8, little));
  if (type === 'i8') return view.getBigInt64(at * 8, little);
  return type === 'i1' ? view.getInt8(at) : view.getUint8(at);
}

/** numpy's matrices: floats, codes and ids, of three versions and both byte orders. */
export const npy: FuzzTarget = {
  name: 'npy',
  text: true,
  file: 'fuzzed.npy',
  async seeds() {
    const floats = randomVectors(ROWS, DIMENSIONS);
    const bytes = Buffer.from(floats.buffer);
    const shape = `(${ROWS}, ${DIMENSIONS})`;
    return [
      bytesOf('<f4', shape, bytes),
      bytesOf('>f4', shape, Buffer.from(bytes).swap32(), 2),
      bytesOf('<f8', shape, Buffer.from(Float64Array.from(floats).buffer), 3),
      bytesOf('<f2', shape, bytes.subarray(0, ROWS * DIMENSIONS * 2)),
      bytesOf('|i1', shape, bytes.subarray(0, ROWS * DIMENSIONS)),
      bytesOf('|u1', `(${DIMENSIONS},)`, bytes.subarray(0, DIMENSIONS)),
      bytesOf('<i8', `(${ROWS}, )`, bytes.subarray(0, ROWS * 8)),
    ];
  },
  async read(path, bytes) {
    const file = await openNpy(path);
    try {
      const start = bytes[6] === 1 ? 10 : 12;
      const end = start + (bytes[6] === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8));
      const { descr, shape } = literals(bytes.toString('latin1', start, end));
      const [rows, dimensions] = shape.length === 2 ? shape : [1, shape[0]];
      expectAnswer(file.rows === rows && file.dimensions === dimensions, `shape ${shape}`);
      const type = descr.slice(1);
      const view = new DataView(bytes.buffer, bytes.byteOffset + end);
      const read: ArrayLike<number | bigint>[] = [];
      if (type === 'i8') read.push(await file.readIds());
      else if (type === 'i1' || type === 'u1') read.push(await file.readCodes());
      else for await (const { vectors } of file.vectors({ batchRows: 3 })) read.push(vectors);
      let at = 0;
      for (const part of read)
        for (const value of Array.from(part as ArrayLike<number>))
          expectAnswer(Object.is(value, valueAt(view, type, at++, descr[0] !== '>')), `value ${at}`);
      expectAnswer(at === rows * dimensions, `${at} values of ${rows * dimensions}`);
    } finally {
      await file.close();
    }
  },
};
