// `npm test`: lint, types of the tests, then the suite. Arguments go to vitest (`npm test -- codec`).
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, 'node_modules', name);
const filters = process.argv.slice(2);

if (filters.length === 0) {
  run('lint', [bin('@biomejs/biome/bin/biome'), 'check', '.']);
  run('types of the tests', [bin('typescript/bin/tsc'), '-p', 'test']);
}
run('tests', [bin('vitest/vitest.mjs'), 'run', ...filters]);

function run(what, args) {
  process.stderr.write(`test: ${what}\n`);
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}
