// serve.ts <command> [arguments]: runs a command with the tests' own PostgreSQL 17 as DATABASE_URL, on a fresh cluster with
// settings of a server that does little else.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { postgresBin, postgresRoot } from '../../../scripts/postgres/root.js';
import { Cluster } from './cluster.ts';

const SETTINGS = [
  'shared_buffers=4GB',
  'maintenance_work_mem=6GB',
  'work_mem=64MB',
  'max_wal_size=8GB',
  'jit=off',
];
const [command, ...args] = process.argv.slice(2);
if (!existsSync(join(postgresRoot, postgresBin))) {
  console.error('There is no PostgreSQL for it: run scripts/postgres/install.js as root first.');
  process.exit(1);
}
const cluster = await Cluster.start({ root: postgresRoot, bin: postgresBin }, SETTINGS);
const { status } = spawnSync(command, args, {
  stdio: 'inherit',
  env: { ...process.env, DATABASE_URL: cluster.url },
});
await cluster.stop();
process.exit(status ?? 1);
