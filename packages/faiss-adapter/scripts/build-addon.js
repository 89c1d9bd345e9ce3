#!/usr/bin/env node
// Compiles the addon with what this machine has, when it is asked to: by `npx nestbit-build-addon`, by the set-up of the
// workspace, or with NESTBIT_BUILD=1 while the package is installed. A plain installation compiles nothing and says what
// to do where no binary came along; a missing addon is told on first use. With NESTBIT_APT=1 (the set-up of the
// workspace) it installs what is missing on Debian, as root. Quick when nothing changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(folder, 'build');
const addon = join(build, 'Release/nestbit_faiss.node');
const stampFile = join(build, 'stamp');
const PACKAGES = ['g++', 'make', 'python3', 'libfaiss-dev', 'libopenblas-dev'];

if (process.env.NESTBIT_BUILD === '0') process.exit(0);
const stamp = fingerprint();
const prebuilt = join(folder, 'prebuilds', `${process.platform}-${process.arch}`, 'nestbit_faiss.node');
if (existsSync(prebuilt) && process.env.NESTBIT_BUILD !== '1') done(`using ${prebuilt}`);
if (existsSync(addon) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) process.exit(0);
const installing = process.env.npm_lifecycle_event === 'install';
if (installing && process.env.NESTBIT_BUILD !== '1') {
  done(
    `no binary for ${process.platform}-${process.arch} came along. To compile it: npx nestbit-build-addon`,
  );
}

if (!compiles()) {
  const apt =
    process.env.NESTBIT_APT === '1' && existsSync('/etc/debian_version') && process.getuid?.() === 0;
  if (!apt) done(`not compiled. ${wayOut()}`);
  say(`installing ${PACKAGES.join(' ')} (apt-get)`);
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...PACKAGES];
  if (!run('env', install, options) && !(run('apt-get', ['update'], options) && run('env', install, options)))
    done(`not compiled: apt-get failed. ${wayOut()}`);
  if (!compiles()) done(`not compiled. ${wayOut()}`);
}
say('compiling the addon (a minute)');
rmSync(addon, { force: true });
const gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
const args = [gyp, 'rebuild', '--directory', folder, '-j', 'max', '--loglevel', 'error'];
// The headers that came with Node, where they did: nothing is downloaded then.
const prefix = dirname(dirname(process.execPath));
if (existsSync(join(prefix, 'include/node/node_api.h'))) args.push(`--nodedir=${prefix}`);
else if (existsSync('/usr/include/node/node_api.h')) args.push('--nodedir=/usr');
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
if (!run(process.execPath, args, { env, cwd: folder }) || !existsSync(addon))
  done(`not compiled. ${wayOut()}`);
mkdirSync(build, { recursive: true });
writeFileSync(stampFile, stamp);
done(`compiled ${addon}`);

/** Whether a compiler is here and finds faiss. */
function compiles() {
  const source = '#include <faiss/IndexBinaryHNSW.h>\n#include <omp.h>\nint main() {}\n';
  const include = process.platform === 'darwin' ? flags('cflags') : [];
  const test = spawnSync('c++', ['-std=c++17', '-fsyntax-only', ...include, '-x', 'c++', '-'], {
    input: source,
  });
  return (
    test.status === 0 && ['make', 'python3'].every((tool) => spawnSync(tool, ['--version']).status === 0)
  );
}

function flags(what) {
  const result = spawnSync(process.execPath, [join(folder, 'scripts/link-flags.js'), what], {
    encoding: 'utf8',
  });
  return result.stdout.trim().split(/\s+/).filter(Boolean);
}

/** Changes when the addon must be compiled anew. */
function fingerprint() {
  const hash = createHash('sha256').update(
    `${process.platform} ${process.arch} ${process.env.NESTBIT_STATIC}`,
  );
  const sources = readdirSync(join(folder, 'native/src'), { recursive: true, withFileTypes: true });
  const files = sources.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of [...files.sort(), join(folder, 'binding.gyp'), join(folder, 'scripts/link-flags.js')])
    hash.update(readFileSync(file));
  return hash.digest('hex');
}

function wayOut() {
  return process.platform === 'darwin'
    ? 'Install the Xcode command line tools and `brew install faiss libomp python`, then run npx nestbit-build-addon.'
    : `Install a C++17 compiler, make, python3, and faiss with OpenBLAS (Debian and Ubuntu: apt-get install ${PACKAGES.join(' ')}), then run npx nestbit-build-addon.`;
}

/** Runs quietly; shows what was printed only on failure. */
function run(command, args, options) {
  const result = spawnSync(command, args, { ...options, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (result.status === 0) return true;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}`);
  return false;
}

function say(what) {
  process.stderr.write(`faiss-adapter: ${what}\n`);
}

function done(what) {
  say(what);
  process.exit(0);
}
