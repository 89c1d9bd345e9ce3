import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { NestbitError } from '@nestbit/core';
import { call } from '../addon/call.ts';
import { addon } from '../addon/native.ts';
import { readCheckedJson, writeCheckedJson } from './checked-json.ts';

/** Size and checksum of the records' file. */
interface RecordsSeal {
  readonly bytes: number;
  readonly crc32c: number;
}

const sealPath = (folder: string): string => join(folder, 'records.json');

/** Notes the checksum of the records, when the writer has closed them. */
export async function sealRecords(folder: string): Promise<void> {
  const { size } = await stat(join(folder, 'records/data.mdb'));
  const crc32c = await call(() => addon().checksumFile(join(folder, 'records/data.mdb'), size));
  await writeCheckedJson(sealPath(folder), { bytes: size, crc32c } satisfies RecordsSeal);
}

/** Before the first write. */
export async function breakSeal(folder: string): Promise<void> {
  await rm(sealPath(folder), { force: true });
}

/**
 * LMDB trusts its file, and a damaged one could lead it anywhere: so it is checked before it is opened.
 *
 * @throws NestbitError `STORE_DAMAGED`
 */
export async function checkSeal(folder: string): Promise<void> {
  const seal = await readCheckedJson<RecordsSeal>(sealPath(folder));
  // A writer that was killed left none; LMDB's own commits are safe then.
  if (seal === undefined) return;
  const path = join(folder, 'records/data.mdb');
  const { size } = await stat(path).catch(() => ({ size: -1 }));
  const sum = size === seal.bytes ? await call(() => addon().checksumFile(path, size)) : undefined;
  if (sum === seal.crc32c) return;
  // A writer may just have come: it breaks the seal before it writes.
  if ((await readCheckedJson<RecordsSeal>(sealPath(folder))) === undefined) return;
  throw new NestbitError(
    'STORE_DAMAGED',
    `${path} does not match its checksum (${size} bytes, expected ${seal.bytes}). Restore the store from a copy.`,
  );
}
