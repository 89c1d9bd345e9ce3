import { existsSync, statSync } from 'node:fs';
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NestbitError } from '@nestbit/core';
import { readCheckedJson } from './checked-json.ts';
import type { Layout } from './layout.ts';

/** Every name that nestbit gives in a generation's folder; a file that isn't whole yet has one of these as its stem. */
const NAMES = [
  'bits.u8',
  'scalars.u8',
  'copies.u8',
  'int8.i8',
  'checks.u32',
  'commits',
  'records.json',
  'index.faiss',
  'index.json',
  'codec.json',
  'settings.json',
  'retired.json',
];
const CODES = ['bits.u8', 'checks.u32'];
const PARTIAL = /^(.*)\.partial-\d+(-[0-9a-f]{12})?$/;

/**
 * Refuses a folder in which a new store would meet anything else: nothing that nestbit did not make is ever removed.
 *
 * @throws NestbitError `STORE_EXISTS`, `STORE_DAMAGED` for one that lost CURRENT, `FILE_WRITE` for foreign files
 */
export async function checkFree(layout: Layout): Promise<void> {
  const names = await readdir(layout.path).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw new NestbitError('FILE_WRITE', `${layout.path} cannot be a store's folder (${error.message}).`, {
      cause: error,
    });
  });
  if (names.includes('CURRENT')) {
    throw new NestbitError(
      'STORE_EXISTS',
      `There is a store in ${layout.path} already; open it with FaissStore.open, or choose another folder.`,
    );
  }
  await checkNotLost(layout);
  const foreign: string[] = [];
  for (const name of names) {
    const own =
      name === 'LOCK' || isPartial(name, 'CURRENT') || (await isGeneration(join(layout.path, name)));
    if (!own) foreign.push(name);
  }
  if (foreign.length === 0) return;
  throw new NestbitError(
    'FILE_WRITE',
    `${layout.path} holds ${foreign.length} files that are no store's, such as ${JSON.stringify(foreign[0])}. ` +
      'Give a folder that is empty or not there.',
  );
}

/** @throws NestbitError `STORE_DAMAGED` for a folder with a generation that holds rows and no CURRENT */
export async function checkNotLost(layout: Layout): Promise<void> {
  if (layout.exists) return;
  for (const name of await readdir(layout.path).catch((): string[] => [])) {
    const folder = join(layout.path, name);
    if (
      !isNumber(name) ||
      !(await isGeneration(folder)) ||
      !CODES.some((file) => hasBytes(join(folder, file)))
    )
      continue;
    throw new NestbitError(
      'STORE_DAMAGED',
      `${layout.path} has the generation ${name}, and CURRENT, which would name it, is missing. ` +
        `If it is the only numbered folder, write ${name} into CURRENT; else restore a copy.`,
    );
  }
}

/** Removes what a killed compaction, creation or save left behind. For the writer. */
export async function sweep(layout: Layout): Promise<void> {
  const current = layout.exists ? String(layout.current().number) : undefined;
  for (const name of await readdir(layout.path)) {
    const path = join(layout.path, name);
    if (isPartial(name, 'CURRENT')) await rm(path, { force: true });
    else if (isNumber(name) && name !== current && (await isGeneration(path))) await removeGeneration(path);
    else if (name === current)
      for (const file of await readdir(path))
        if (NAMES.some((stem) => isPartial(file, stem))) await rm(join(path, file), { force: true });
  }
}

/** Removes a generation's files and then its folder, which stays when there is anything else in it. */
export async function removeGeneration(folder: string): Promise<void> {
  const there = (name: string): boolean => existsSync(join(folder, name));
  // First of all it is no generation any more that CURRENT could name.
  if (there('settings.json')) await rename(join(folder, 'settings.json'), join(folder, 'retired.json'));
  for (const file of ['data.mdb', 'lock.mdb']) await rm(join(folder, 'records', file), { force: true });
  await rmdir(join(folder, 'records')).catch(() => {});
  for (const file of await readdir(folder)) {
    const own =
      file !== 'retired.json' && (NAMES.includes(file) || NAMES.some((stem) => isPartial(file, stem)));
    if (own) await rm(join(folder, file), { force: true });
  }
  await rm(join(folder, 'retired.json'), { force: true });
  await rmdir(folder).catch(() => {});
}

// Whether a folder carries our own settings.
async function isGeneration(path: string): Promise<boolean> {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return false;
  for (const name of ['settings.json', 'retired.json']) {
    const settings = await readCheckedJson<{ index?: object }>(join(path, name)).catch(() => undefined);
    if (settings?.index !== undefined) return true;
  }
  return false;
}

function isNumber(name: string): boolean {
  return /^[1-9]\d{0,8}$/.test(name);
}

function isPartial(name: string, stem: string): boolean {
  return PARTIAL.exec(name)?.[1] === stem;
}

function hasBytes(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
