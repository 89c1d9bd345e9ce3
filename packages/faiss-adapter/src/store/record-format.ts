import { crc32 } from 'node:zlib';
import { type Id, NestbitError, type Payload } from '@nestbit/core';

/** What is stored of a row beside its codes. */
export interface Row {
  readonly id: Id;
  readonly payload: Payload | undefined;
}

/** An id as a key: `s` and its UTF-8, or `b` and 8 bytes, big-endian. */
export function keyOf(id: Id): Buffer {
  if (typeof id === 'string') return Buffer.from(`s${id}`);
  const key = Buffer.allocUnsafe(9);
  key[0] = 0x62;
  key.writeBigInt64BE(id, 1);
  return key;
}

function idOf(key: Buffer): Id {
  return key[0] === 0x62 ? key.readBigInt64BE(1) : key.toString('utf8', 1);
}

/** A value with its checksum before it: CRC-32 over the name of the place and the value. */
export function seal(place: string | number, value: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(4 + value.length);
  sealed.set(value, 4);
  sealed.writeUInt32LE(crc32(value, crc32(String(place))), 0);
  return sealed;
}

/** @throws NestbitError `STORE_DAMAGED` */
export function unseal(place: string | number, sealed: Buffer): Buffer {
  const value = sealed.subarray(4);
  if (sealed.length >= 4 && sealed.readUInt32LE(0) === crc32(value, crc32(String(place)))) return value;
  throw new NestbitError(
    'STORE_DAMAGED',
    `The record ${place} does not match its checksum. Restore the store from a copy.`,
  );
}

/** The record of a row: length of the key, key, payload as JSON (nothing: none). */
export function encodeRow(row: number, key: Buffer, payload: Payload | undefined): Buffer {
  const json = payload === undefined ? '' : JSON.stringify(payload);
  const value = Buffer.allocUnsafe(2 + key.length + Buffer.byteLength(json));
  value.writeUInt16LE(key.length, 0);
  key.copy(value, 2);
  value.write(json, 2 + key.length);
  return seal(row, value);
}

/** @throws NestbitError `STORE_DAMAGED` */
export function decodeRow(row: number, sealed: Buffer): Row {
  const value = unseal(row, sealed);
  const end = 2 + value.readUInt16LE(0);
  return {
    id: idOf(value.subarray(2, end)),
    payload: end === value.length ? undefined : (JSON.parse(value.toString('utf8', end)) as Payload),
  };
}
