import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BinaryIndex, type BinaryIndexOptions } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { execArgv, program } from '../support/children.ts';
import { count, idMap, indexHead } from '../support/faiss-files.ts';
import { refusal, temporaryFolder } from '../support/files.ts';
import { clusteredBits } from '../support/hamming.ts';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const opening = (name: string): Promise<string> => refusal(() => BinaryIndex.read(path(name)));

async function small(options: BinaryIndexOptions, name: string): Promise<void> {
  const codes = clusteredBits(100, 32, 8);
  const index = BinaryIndex.create(options);
  if (options.kind === 'ivf') await index.train(codes);
  await index.add(codes);
  await index.write(path(name));
}

const KINDS: BinaryIndexOptions[] = [
  { kind: 'flat', dimensions: 256 },
  { kind: 'ivf', dimensions: 256, lists: 4 },
  { kind: 'hnsw', dimensions: 256, m: 4 },
];

test.each(KINDS)('$kind: flipped bits, cut ends and foreign bytes never end the process', async (options) => {
  const name = `${options.kind}.faiss`;
  await small(options, name);
  // In a process of its own, so that a crash is seen; it is then rejected with the signal.
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...execArgv,
    program('damaged-indexes.ts'),
    folder,
    name,
    '20261124',
  ]);
  const { refused, searched } = JSON.parse(stdout);
  expect(refused + searched).toBe(2750);
  // Flips within codes are no damage that a file of faiss shows; cut files and sizes are.
  expect(refused).toBeGreaterThan(300);
  expect(searched).toBeGreaterThan(300);
});

test('an id map that disagrees with its index is refused before faiss follows it', async () => {
  const flat = (rows: number): Buffer =>
    Buffer.concat([indexHead('IBxF', 64, 8, rows), count(rows * 8), Buffer.alloc(rows * 8)]);
  const ids = (rows: number): bigint[] => Array.from({ length: rows }, (_, row) => BigInt(row));
  const fewer = idMap(flat(4), ids(4));
  fewer.writeBigInt64LE(300n, 12);
  const maps = {
    'no ids': idMap(flat(300), [], 'IBM2'),
    'too few ids': idMap(flat(300), ids(299), 'IBM2'),
    'too many ids': idMap(flat(4), ids(5)),
    'other rows': fewer,
  };
  for (const [name, bytes] of Object.entries(maps)) {
    writeFileSync(path(name), bytes);
    expect(await opening(name)).toMatch(/^INDEX_INVALID: .*(differ in rows|not as long as its rows)/);
  }
  writeFileSync(path('right'), idMap(flat(4), [7n, -1n, 2n ** 40n, 9n], 'IBM2'));
  const [{ labels }] = await (await BinaryIndex.read(path('right'))).search(new Uint8Array(8), { k: 9 });
  expect([...labels]).toEqual([7n, -1n, 2n ** 40n, 9n]);
});

test('an id in a list that leads past the end of an id map is refused', async () => {
  const ivf = BinaryIndex.create({ kind: 'ivf', dimensions: 64, lists: 1 });
  await ivf.train(new Uint8Array(8 * 4));
  await ivf.add(new Uint8Array(8 * 4));
  await ivf.write(path('ivf'));
  const inner = readFileSync(path('ivf'));
  for (const id of [4n, 0xffff_fff0n, -1n]) {
    // The ids of the one list end the file.
    inner.writeBigInt64LE(id, inner.length - 8);
    writeFileSync(path('beyond'), idMap(inner, [10n, 11n, 12n, 13n]));
    expect(await opening('beyond')).toMatch(/^INDEX_INVALID: .*an id in a list is no row of it/);
  }
  inner.writeBigInt64LE(3n, inner.length - 8);
  writeFileSync(path('within'), idMap(inner, [10n, 11n, 12n, 13n]));
  const [{ labels }] = await (await BinaryIndex.read(path('within'))).search(new Uint8Array(8), { k: 4 });
  expect([...labels].sort()).toEqual([10n, 11n, 12n, 13n]);
});

test('what is no index, or one of another kind, is refused with its path', async () => {
  writeFileSync(path('empty'), '');
  writeFileSync(path('text'), 'no index at all, but long enough to hold a header of one');
  writeFileSync(path('float'), Buffer.concat([Buffer.from('IxFI'), Buffer.alloc(60)]));
  // Lists in another file, whose path this one would say.
  await small(KINDS[1], 'lists.faiss');
  const lists = readFileSync(path('lists.faiss'));
  lists.write('ilod', lists.indexOf('ilar'));
  writeFileSync(path('elsewhere'), lists);
  // Deep enough to end a recursion that trusts the file.
  const header = Buffer.alloc(29);
  header.write('IBMp');
  header.writeInt32LE(256, 4);
  header.writeInt32LE(32, 8);
  header[20] = 1;
  header[21] = 1;
  writeFileSync(path('nested'), Buffer.concat(Array(100_000).fill(header.subarray(0, 25))));
  for (const name of ['empty', 'text', 'float', 'elsewhere', 'nested'])
    expect(await opening(name)).toMatch(new RegExp(`^INDEX_INVALID: .*${name} is no binary index`));
  mkdirSync(path('folder'));
  expect(await opening('folder')).toMatch(/^FILE_NOT_FOUND: .*folder is a folder/);
  expect(await opening('missing')).toMatch(/^FILE_NOT_FOUND: .*missing cannot be opened: No such file/);
});

test('a file that cannot be written is an error, and leaves the old one and nothing beside it', async () => {
  const index = BinaryIndex.create({ kind: 'flat', dimensions: 8 });
  expect(await refusal(() => index.write(path('no/such/folder')))).toMatch(
    /^FILE_WRITE: .*cannot be written/,
  );
  mkdirSync(path('taken'));
  expect(await refusal(() => index.write(path('taken')))).toMatch(/^FILE_WRITE: .*taken/);
  expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
});
