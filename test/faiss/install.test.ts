import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const source = fileURLToPath(new URL('../../packages/faiss-adapter', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nestbit-install-'));
  for (const part of ['scripts', 'native/src', 'binding.gyp', 'package.json'])
    cpSync(join(source, part), join(folder, part), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('installing the package compiles nothing, installs nothing, and says how to get the addon', () => {
  const { NESTBIT_BUILD: _, NESTBIT_APT: __, ...env } = process.env;
  const run = spawnSync(process.execPath, [join(folder, 'scripts/build-addon.js')], {
    encoding: 'utf8',
    env: { ...env, npm_lifecycle_event: 'install' },
  });
  expect(run.status).toBe(0);
  expect(run.stderr).toBe(
    `faiss-adapter: no binary for ${process.platform}-${process.arch} came along. To compile it: npx nestbit-build-addon\n`,
  );
  expect(existsSync(join(folder, 'build'))).toBe(false);
});

test('without a compiler it says what to install, also as root', () => {
  const run = spawnSync(process.execPath, [join(folder, 'scripts/build-addon.js')], {
    encoding: 'utf8',
    env: { PATH: folder },
  });
  expect(run.status).toBe(0);
  expect(run.stderr).toMatch(
    /^faiss-adapter: not compiled\. Install .*libfaiss-dev.* npx nestbit-build-addon\.\n$/,
  );
  expect(existsSync(join(folder, 'build'))).toBe(false);
});
