import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { call } from '../addon/call.ts';
import { addon } from '../addon/native.ts';
import { writeCheckedJson } from './checked-json.ts';

/** Size and checksum of the records' file, while no writer has it open. */
export interface RecordsSeal {
  readonly bytes: number;
  readonly crc32c: number;
}

export const sealPath = (folder: string): string => join(folder, 'records.json');

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
