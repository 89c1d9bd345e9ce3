// `npm run check:faults [mutations]`: the fault tests with many more mutations, kills and aborts than `npm test` has.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [mutations = '20000'] = process.argv.slice(2);
const files = [
  'test/faiss/faults',
  'test/faults',
  'test/shrink/faults',
  'test/sync/faults',
  'test/postgres/faults.test.ts',
];
const result = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...files], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, NESTBIT_FAULTS: mutations, NESTBIT_TEST_LONG: '1' },
});
process.exit(result.status ?? 1);
