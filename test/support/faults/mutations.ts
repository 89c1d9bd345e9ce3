import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A seeded source of whole numbers below a bound. */
type Random = (below: number) => number;

const PAGE = 4096;

/** Files of a folder, relative to it; locks hold nothing. */
export function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/^(LOCK|lock\.mdb)$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

type Mutation = (bytes: Buffer, random: Random, older: Buffer | undefined) => Buffer | undefined;

/** What can happen to the bytes of a file; undefined: the file is gone. */
const MUTATIONS: Record<string, Mutation> = {
  flip: (bytes, random) => change(bytes, (copy) => (copy[random(copy.length)] ^= 1 << random(8))),
  byte: (bytes, random) => change(bytes, (copy) => (copy[random(copy.length)] = random(256))),
  word: (bytes, random) =>
    change(bytes, (copy) => {
      if (copy.length >= 8)
        copy.writeInt32LE([0, -1, 0x7fff_ffff, random(2 ** 31)][random(4)], random(copy.length - 7));
    }),
  cut: (bytes, random) => bytes.subarray(0, random(bytes.length)),
  cutPage: (bytes, random) => bytes.subarray(0, PAGE * random(Math.ceil(bytes.length / PAGE))),
  empty: () => Buffer.alloc(0),
  grow: (bytes, random) => Buffer.concat([bytes, Buffer.alloc(1 + random(2 * PAGE), random(256))]),
  zeroPage: (bytes, random) => change(bytes, (copy) => copy.fill(0, ...page(copy, random))),
  noisePage: (bytes, random) =>
    change(bytes, (copy) => {
      const [from, to] = page(copy, random);
      for (let at = from; at < to; at++) copy[at] = random(256);
    }),
  swapPages: (bytes, random) =>
    change(bytes, (copy) => {
      const [a, b] = [page(copy, random)[0], page(copy, random)[0]];
      bytes.copy(copy, a, b, Math.min(b + PAGE, bytes.length - Math.max(0, a - b)));
      bytes.copy(copy, b, a, Math.min(a + PAGE, bytes.length - Math.max(0, b - a)));
    }),
  copyPage: (bytes, random) =>
    change(bytes, (copy) => bytes.copy(copy, page(copy, random)[0], ...page(copy, random))),
  olderPage: (bytes, random, older) =>
    older && change(bytes, (copy) => older.copy(copy, ...both(page(older, random), copy.length))),
  older: (_, __, older) => older,
  gone: () => undefined,
};

/** Changes one file of a folder. `older` is the folder as it was some commits before. Says what it did. */
export function mutate(folder: string, older: string, random: Random): string {
  const files = filesOf(folder);
  const file = files[random(files.length)];
  const names = Object.keys(MUTATIONS);
  const name = names[random(names.length)];
  const path = join(folder, file);
  const before = statSync(join(older, file), { throwIfNoEntry: false }) && readFileSync(join(older, file));
  const bytes = readFileSync(path);
  const after = MUTATIONS[name](bytes.length === 0 ? Buffer.alloc(1) : bytes, random, before);
  rmSync(path);
  if (after !== undefined) writeFileSync(path, after);
  return `${name} of ${file}`;
}

/** Copies a folder of files and folders. Quicker than `cp`, since stores are small here. */
export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory()) copyFolder(join(from, entry.name), join(to, entry.name));
    else copyFileSync(join(from, entry.name), join(to, entry.name));
  }
}

function change(bytes: Buffer, run: (copy: Buffer) => unknown): Buffer {
  const copy = Buffer.from(bytes);
  run(copy);
  return copy;
}

function page(bytes: Buffer, random: Random): [number, number] {
  const from = PAGE * random(Math.ceil(bytes.length / PAGE));
  return [from, Math.min(bytes.length, from + PAGE)];
}

// The same place in a file of another length.
function both([from, to]: [number, number], length: number): [number, number, number] {
  return [Math.min(from, length), from, to];
}
