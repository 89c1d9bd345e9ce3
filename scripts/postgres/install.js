// Puts PostgreSQL 17 with pgvector (Debian trixie) into a folder, for the tests: nothing of this system changes but for
// mmdebstrap, when it is missing. Needs Linux, root and Debian's packages; quick when it is there already.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { postgresBin, postgresRoot } from './root.js';

const PACKAGES = 'postgresql-17,postgresql-17-pgvector';

if (existsSync(join(postgresRoot, postgresBin, 'postgres'))) done(`is in ${postgresRoot}`);
if (process.platform !== 'linux' || process.getuid?.() !== 0)
  done('not installed: that needs root on Linux', 1);
if (spawnSync('mmdebstrap', ['--version']).status !== 0) {
  const apt = (...args) =>
    spawnSync('apt-get', args, {
      stdio: 'inherit',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  const install = ['install', '-y', '-q', '--no-install-recommends', 'mmdebstrap'];
  if (apt(...install).status !== 0) {
    apt('update', '-q');
    if (apt(...install).status !== 0) done('not installed: apt-get gave no mmdebstrap', 1);
  }
}
const partial = `${postgresRoot}.partial`;
rmSync(partial, { recursive: true, force: true });
mkdirSync(dirname(postgresRoot), { recursive: true });
// The mirror that this system uses itself.
const made = spawnSync(
  'mmdebstrap',
  ['--variant=minbase', `--include=${PACKAGES}`, 'trixie', partial, mirror()],
  {
    stdio: ['ignore', 'ignore', 'inherit'],
  },
);
if (made.status !== 0) done('not installed: mmdebstrap failed', 1);
renameSync(partial, postgresRoot);
done(`is in ${postgresRoot}`);

function mirror() {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ];
  for (const file of files.filter((name) => existsSync(name))) {
    const text = readFileSync(file, 'utf8').replace(/^#.*$/gm, '');
    const found = /(?:^URIs:|^deb(?: \[[^\]]*\])?)\s+(\S+\/debian)\/?(?:\s|$)/m.exec(text);
    if (found !== null) return found[1];
  }
  return done('not installed: no Debian mirror in the configuration of apt', 1);
}

function done(what, status = 0) {
  process.stderr.write(`PostgreSQL 17 with pgvector ${what}\n`);
  process.exit(status);
}
