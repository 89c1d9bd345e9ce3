// Everything a fresh clone needs, so that `npm test` and `npm run demo` start from nothing but Node:
// the workspace's packages (by pnpm, through npx) and the compiled sources. Quick when nothing changed.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PNPM = 'pnpm@12.21.0';
const root = dirname(dirname(fileURLToPath(import.meta.url)));

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Node ${process.versions.node} is too old: nestbit needs 20.19 or newer.`);
}

// The addon is compiled in a step of its own, which says what it installs.
step('installing packages with pnpm (through npx)', 'npx', ['-y', PNPM, 'install', '--frozen-lockfile'], {
  NESTBIT_BUILD: '0',
});
const addon = join(root, 'packages/faiss-adapter/scripts/build-addon.js');
step('compiling the faiss addon, when it changed', process.execPath, [addon], { NESTBIT_APT: '1' });
step('compiling TypeScript', process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b']);

/** Runs one command quietly, but for what it says itself; shows what it printed only when it fails. */
function step(what, command, args, more = {}) {
  process.stderr.write(`setup: ${what} … `);
  const started = Date.now();
  const env = { ...process.env, CI: 'true', ...more };
  const run = spawnSync(command, args, { cwd: root, encoding: 'utf8', env });
  const said = (run.stderr ?? '').split('\n').filter((line) => line.startsWith('faiss-adapter: '));
  if (said.length > 0) process.stderr.write(`\n  ${said.join('\n  ')}\n  `);
  if (run.error || run.status !== 0) {
    process.stderr.write('failed\n');
    fail(`${command} ${args.join(' ')}\n${run.error ?? ''}${run.stdout ?? ''}${run.stderr ?? ''}`);
  }
  process.stderr.write(`${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

function fail(message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}

if (!existsSync(join(root, 'packages/core/dist/index.js'))) fail('the build left no packages/core/dist');
