import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { NestbitError } from '@nestbit/core';

/** Who has a folder open. */
interface Holder {
  readonly pid: number;
  /** When the process started, in ticks since the machine did: another process may have the same pid later. */
  readonly started: string | undefined;
  readonly host: string;
}

const TRIES = 20;

/**
 * Keeps other processes from opening a PGlite folder, by a file beside it (`<folder>.lock`) that names the holder. The lock
 * of a process that is gone is taken over.
 *
 * @returns what gives the lock back
 * @throws NestbitError `STORE_LOCKED`
 */
export function lockFolder(folder: string): () => void {
  const whole = resolve(folder);
  const path = join(realpathSync(dirname(whole)), `${basename(whole)}.lock`);
  const own: Holder = { pid: process.pid, started: startOf(process.pid), host: hostname() };
  const mine = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  writeFileSync(mine, JSON.stringify(own), { flag: 'wx' });
  try {
    for (let tries = 1; ; tries++) {
      // A link appears whole or not at all, and never over another.
      if (linked(mine, path)) return () => rmSync(path, { force: true });
      const before = textOf(path);
      if (before === undefined) continue;
      const holder = holderOf(before);
      if (tries === TRIES || holder === undefined || isAlive(holder)) throw locked(folder, path, holder);
      removeStale(path, before);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

// Another process may have taken it over meanwhile: what is removed is looked at again, and put back if it is not the same.
function removeStale(path: string, before: string): void {
  const aside = `${path}.stale-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (textOf(aside) !== before) linked(aside, path);
  rmSync(aside, { force: true });
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function holderOf(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder;
    return Number.isInteger(holder.pid) && typeof holder.host === 'string' ? holder : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, started, host }: Holder): boolean {
  // The processes of another machine cannot be seen from here.
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return started === undefined || startOf(pid) === undefined || startOf(pid) === started;
}

/** Field 22 of /proc/<pid>/stat, which follows the name in parentheses; nothing on systems without it. */
function startOf(pid: number): string | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

function locked(folder: string, path: string, holder: Holder | undefined): NestbitError {
  const who =
    holder === undefined
      ? 'Another process'
      : holder.pid === process.pid && holder.host === hostname()
        ? 'This process'
        : `The process ${holder.pid}${holder.host === hostname() ? '' : ` of ${holder.host}`}`;
  return new NestbitError(
    'STORE_LOCKED',
    `${who} has the PGlite folder ${folder} open, which takes one at a time. Close it there first; if nothing uses it, remove ${path}.`,
  );
}
