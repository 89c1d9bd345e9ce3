import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { postgresBin, postgresRoot } from '../../../scripts/postgres/root.js';
import { commandOf } from './cluster.ts';

/** Why `schemaDump` cannot run; absent when it can. */
export const noDump: string | undefined =
  process.getuid?.() === 0 && existsSync(join(postgresRoot, postgresBin, 'pg_dump'))
    ? undefined
    : 'needs pg_dump 17: run scripts/postgres/install.js as root first';

/** What pg_dump says of everything in a database but the rows. */
export function schemaDump(url: string): string {
  const [command, ...args] = commandOf(
    { root: postgresRoot, bin: postgresBin },
    'pg_dump',
    '--schema-only',
    url,
  );
  const dump = execFileSync(command, args, { stdio: 'pipe' }).toString();
  // Tokens that are others each time.
  return dump.replace(/^\\(un)?restrict .*$/gm, '');
}
