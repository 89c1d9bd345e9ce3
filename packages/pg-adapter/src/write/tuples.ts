import type { IdType } from '../schema/tables.ts';
import type { WriteRows } from './rows.ts';

/** A column of a table of codes that COPY BINARY writes. */
export type TupleColumn = 'id' | 'seq' | 'bits' | 'scalars' | 'int8' | 'copy' | 'payload';

/** Integers of 8 bytes are written in halves of 4: a `bigint` each would be garbage to collect. */
const HALF = 2 ** 32;

/** jsonb in binary is its version and the text. */
const JSONB = Buffer.from([1]);

/**
 * Some rows as tuples of COPY BINARY. The rows stand in flat arrays, and none becomes an object on the way.
 *
 * https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
 *
 * @param into memory that the tuples may take, when it is large enough
 */
export function tuplesOf(
  rows: WriteRows,
  columns: readonly TupleColumn[],
  idType: IdType,
  from: number,
  to: number,
  into?: Buffer,
): Buffer {
  const { ids, keys, places, codes, payloads, firstSeq } = rows;
  const widthOf = (all: Uint8Array): number => (codes.rows === 0 ? 0 : all.length / codes.rows);
  const [bitsWidth, copyWidth] = [widthOf(codes.bits), widthOf(codes.copies)];
  const bits = columns.includes('bits');
  const scalars = columns.includes('scalars');
  const copy = columns.includes('int8') || columns.includes('copy');
  const payload = columns.includes('payload');
  const texts =
    idType === 'text'
      ? Array.from(places.subarray(from, to), (place) => Buffer.from(String(ids[place])))
      : undefined;
  const jsons = payload
    ? Array.from(places.subarray(from, to), (place) => jsonOf(payloads?.[place]))
    : undefined;
  const idWidth = idType === 'uuid' ? 16 : 8;
  const fixed =
    2 + 4 * columns.length + 8 + (bits ? 4 + bitsWidth : 0) + (scalars ? 2 : 0) + (copy ? copyWidth : 0);
  let length = fixed * (to - from) + (texts === undefined ? idWidth * (to - from) : 0);
  for (const text of texts ?? []) length += text.length;
  for (const json of jsons ?? []) length += json?.length ?? 0;
  const out =
    into !== undefined && into.length >= length ? into.subarray(0, length) : Buffer.allocUnsafe(length);
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  // WebAssembly's order of bytes and so that of every machine the codes are made on: the low half first.
  const halves = keys && new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
  const firstHigh = Number(firstSeq >> 32n);
  const firstLow = Number(firstSeq & 0xffffffffn);
  let at = 0;
  const putInteger = (high: number, low: number): void => {
    view.setInt32(at, 8);
    view.setUint32(at + 4, high);
    view.setUint32(at + 8, low);
    at += 12;
  };
  const put = (value: Uint8Array | undefined): void => {
    view.setInt32(at, value?.length ?? -1);
    at += 4;
    if (value === undefined) return;
    out.set(value, at);
    at += value.length;
  };
  for (let row = from; row < to; row++) {
    const place = places[row];
    view.setInt16(at, columns.length);
    at += 2;
    if (texts !== undefined) put(texts[row - from]);
    else if (halves !== undefined) putInteger(halves[2 * place + 1], halves[2 * place]);
    else {
      view.setInt32(at, idWidth);
      out.write(String(ids[place]).replaceAll('-', ''), at + 4, 'hex');
      at += 4 + idWidth;
    }
    const low = firstLow + place;
    putInteger(low < HALF ? firstHigh : firstHigh + 1, low);
    if (bits) {
      view.setInt32(at, 4 + bitsWidth);
      view.setInt32(at + 4, 8 * bitsWidth);
      out.set(codes.bits.subarray(place * bitsWidth, (place + 1) * bitsWidth), at + 8);
      at += 8 + bitsWidth;
    }
    if (scalars) {
      // A smallint is sent most significant byte first: the two bytes as they are.
      view.setInt32(at, 2);
      out[at + 4] = codes.scalars[2 * place];
      out[at + 5] = codes.scalars[2 * place + 1];
      at += 6;
    }
    if (copy) {
      view.setInt32(at, copyWidth);
      out.set(codes.copies.subarray(place * copyWidth, (place + 1) * copyWidth), at + 4);
      at += 4 + copyWidth;
    }
    if (jsons !== undefined) put(jsons[row - from]);
  }
  return out;
}

function jsonOf(payload: object | undefined): Buffer | undefined {
  return payload === undefined ? undefined : Buffer.concat([JSONB, Buffer.from(JSON.stringify(payload))]);
}
