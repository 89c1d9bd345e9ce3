import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BinaryIndex, type BinaryIndexOptions } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { execArgv, program } from '../support/children.ts';
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
