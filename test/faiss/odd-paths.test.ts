import { execFileSync, spawnSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { BinaryIndex, FaissStore } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { execArgv, program } from '../support/children.ts';
import { refusal, temporaryFolder } from '../support/files.ts';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const index = BinaryIndex.create({ kind: 'flat', dimensions: 64 });

test('a pipe, a socket or a device in place of a file is refused at once', async () => {
  execFileSync('mkfifo', [path('pipe')]);
  const server = createServer();
  await new Promise<void>((listening) => server.listen(path('socket'), listening));
  // More than the addon has threads: none may be held.
  const pipes = Array.from({ length: 64 }, () => refusal(() => BinaryIndex.read(path('pipe'))));
  expect(new Set(await Promise.all(pipes))).toEqual(
    new Set([`FILE_NOT_FOUND: ${path('pipe')} is a named pipe, not a file.`]),
  );
  expect(await refusal(() => BinaryIndex.read(path('socket')))).toMatch(/^FILE_NOT_FOUND: .*socket/);
  expect(await refusal(() => BinaryIndex.read('/dev/zero'))).toMatch(/^FILE_NOT_FOUND: .*is a device/);
  server.close();
});

test('a name with a NUL is a TypeError, one that is too long is FILE_NOT_FOUND or FILE_WRITE', async () => {
  await index.write(path('a.faiss'));
  await expect(BinaryIndex.read(`${path('a.faiss')}\0.txt`)).rejects.toThrow(/path must not contain a NUL/);
  await expect(index.write(`${path('b.faiss')}\0.txt`)).rejects.toThrow(TypeError);
  const long = path('x'.repeat(300));
  expect(await refusal(() => BinaryIndex.read(long))).toMatch(/^FILE_NOT_FOUND: .*File name too long/);
  expect(await refusal(() => index.write(long))).toMatch(/^FILE_WRITE: .*File name too long/);
});

test('a pipe in place of a file of a store is refused at once', async () => {
  const embeddings = clusteredVectors(100, 64, 4);
  const codec = (await calibrate([embeddings], { inputDimensions: 64 })).codec();
  const store = await FaissStore.create(path('store'), { codec });
  await store.upsert({ ids: Array.from({ length: 100 }, (_, row) => `${row}`), embeddings });
  await store.close();
  const names = [
    'CURRENT',
    ...['bits.u8', 'checks.u32', 'codec.json', 'settings.json'].map((name) => `1/${name}`),
  ];
  const reader = await FaissStore.open(path('store'), { readOnly: true });
  for (const name of names) {
    const file = path(`store/${name}`);
    renameSync(file, path('kept'));
    execFileSync('mkfifo', [file]);
    expect(await refusal(() => FaissStore.open(path('store'), { readOnly: true }))).toMatch(
      /^STORE_DAMAGED: .*is a named pipe, not a file/,
    );
    // A store that is open goes on with what it has, and says it when it can no longer follow compactions.
    const searched = await refusal(() => reader.search(embeddings.subarray(0, 64), { k: 1 }));
    expect(searched).toMatch(name === 'CURRENT' ? /^STORE_DAMAGED: .*CURRENT is a named pipe/ : /^accepted$/);
    renameSync(path('kept'), file);
  }
  await reader.close();
});

// Limits that hold for the process, so each case has one of its own.
test('no descriptor left is a named error, and the next call works', (context) => {
  if (process.platform !== 'linux') context.skip('limits of a running process are set on Linux only');
  if (process.env['NESTBIT_SANITIZED'] === '1')
    context.skip('UndefinedBehaviorSanitizer needs a descriptor to look at memory');
  const args = [...execArgv, program('faiss-no-files.ts'), folder];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({
    read: 'NestbitError FILE_NOT_FOUND Too many open files',
    write: 'NestbitError FILE_WRITE Too many open files',
    after: 'read',
  });
});

test('no thread to be had is THREAD_LIMIT, and later calls work', (context) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    context.skip('the limit of processes is set for a user without rights: needs Linux and root');
  // A user of its own: the limit counts all processes of a user.
  const args = ['--reuid=54321', '--regid=54321', '--clear-groups', process.execPath];
  const { stdout, stderr } = spawnSync('setpriv', [...args, ...execArgv, program('faiss-no-threads.ts')], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ add: 'NestbitError THREAD_LIMIT', after: 1, some: 1 });
});
