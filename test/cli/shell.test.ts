import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { NpyWriter } from '@nestbit/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { nestbit } from '../support/nestbit.ts';
import { randomVectors } from '../support/vectors.ts';

const folder = temporaryFolder();

test('bash completes commands, nested commands and options by the script', async () => {
  const { out, status } = await nestbit('completion', 'bash');
  expect(status).toBe(0);
  const complete = (...words: string[]): string[] => {
    const line = words.map((word) => `'${word}'`).join(' ');
    const script = `${out}\nCOMP_WORDS=(nestbit ${line}); COMP_CWORD=${words.length}; _nestbit; echo "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split(' ');
  };
  expect(complete('in')).toEqual(['ingest']);
  expect(complete('shrink', 'sta')).toEqual(['start', 'status']);
  expect(complete('ingest', 'file.npy', '--fi')).toEqual(['--first-id']);
  expect(complete('shrink', 'start', '--table', 'docs', '--table-')).toEqual(['--table-schema']);
  expect((await nestbit('completion', 'zsh')).out).toMatch(/bashcompinit[\s\S]*complete -o default/);
  const fish = (await nestbit('completion', 'fish')).out;
  expect(fish).toMatch(/-n '__fish_seen_subcommand_from ingest' -l first-id /);
  expect(await nestbit('completion', 'cmd')).toMatchObject({
    status: 2,
    err: expect.stringMatching(/bash, zsh, fish/),
  });
});

test('stats have the same keys for every store, and NESTBIT_URL stands for the URL alone', async () => {
  const source = join(folder, 'v.npy');
  const writer = await NpyWriter.create(source, 'float32', 16);
  await writer.append(randomVectors(60, 16));
  await writer.commit();
  const keysOf = (value: object): unknown =>
    Object.entries(value).map(([key, inner]) =>
      typeof inner === 'object' && inner !== null ? [key, keysOf(inner)] : key,
    );
  const keys: unknown[] = [];
  for (const store of [`faiss:${join(folder, 's')}`, `pglite:${join(folder, 'pg')}#docs`]) {
    expect(await nestbit('ingest', source, '--store', store, '--index', 'flat')).toMatchObject({ status: 0 });
    const stats = JSON.parse((await nestbit('stats', '--store', store, '--json')).out);
    expect(stats).toMatchObject({ rows: 60, codec: { inputDimensions: 16 } });
    keys.push(JSON.stringify(sorted(keysOf(stats))));
  }
  expect(keys[0]).toBe(keys[1]);
  vi.stubEnv('NESTBIT_STORE', 'faiss:elsewhere');
  vi.stubEnv('NESTBIT_URL', `pglite:${join(folder, 'pg')}`);
  vi.stubEnv('NO_COLOR', '1');
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  // NESTBIT_STORE is a place, and the --store of shrink a name: it must not be taken for one.
  const status = await nestbit('shrink', 'status');
  expect(status.err).toMatch(/USAGE/);
  expect(status.err).not.toMatch(/elsewhere|postgres-url|\u001b/);
  const named = await nestbit('shrink', 'status', '--store', 'nothing');
  expect(named).toMatchObject({ status: 1, err: expect.stringMatching(/STORE_NOT_FOUND|TABLE_NOT_FOUND/) });
  const text = await nestbit('search', '--store', `faiss:${join(folder, 's')}`, '--text', 'a');
  expect(text.err).toMatch(/--text needs --model/);
  vi.stubEnv('NESTBIT_MODEL', join(folder, 'no-model'));
  const modelled = await nestbit('search', '--store', `faiss:${join(folder, 's')}`, '--text', 'a');
  expect(modelled.err).toMatch(/no-model/);
});

function sorted(keys: unknown): unknown {
  if (!Array.isArray(keys)) return keys;
  return keys.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
