import { crc32 } from 'node:zlib';
import { type Id, NestbitError, type Payload } from '@nestbit/core';
import type { Packer } from './packer.ts';

/** What is stored of a row beside its codes. */
export interface Row {
  readonly id: Id;
  readonly payload: Payload | undefined;
}

/** An id as a key: `s` and its UTF-8, or `b` and 8 bytes, big-endian. */
export function keyOf(id: Id): Buffer {
  const key = Buffer.allocUnsafe(keyLength(id));
  writeKey(key, 0, id);
  return key;
}

/** Adds the key of an id. */
export function packKey(packer: Packer, id: Id): void {
  const at = packer.add(keyLength(id));
  writeKey(packer.bytes, at, id);
}

function keyLength(id: Id): number {
  return typeof id === 'string' ? 1 + Buffer.byteLength(id) : 9;
}

function writeKey(bytes: Buffer, at: number, id: Id): void {
  bytes[at] = typeof id === 'string' ? 0x73 : 0x62;
  if (typeof id === 'string') bytes.write(id, at + 1);
  else bytes.writeBigInt64BE(id, at + 1);
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

/** Adds the record of a row: checksum, length of the key, key, payload as JSON (nothing: none). */
export function packRow(packer: Packer, row: number, id: Id, payload: Payload | undefined): void {
  const json = payload === undefined ? '' : JSON.stringify(payload);
  const key = keyLength(id);
  const length = 4 + 2 + key + Buffer.byteLength(json);
  const at = packer.add(length);
  const { bytes } = packer;
  bytes.writeUInt16LE(key, at + 4);
  writeKey(bytes, at + 6, id);
  bytes.write(json, at + 6 + key);
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 4, at + length), crc32(String(row))), at);
}

/** The key of the id in a row's unsealed record. */
export function keyInRow(value: Buffer): Buffer {
  return value.subarray(2, 2 + value.readUInt16LE(0));
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
