import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const program = process.env['NESTBIT_PGBOUNCER'] ?? '/usr/sbin/pgbouncer';

/** Why there is no PgBouncer; absent when there is one. */
export const noPgBouncer: string | undefined = existsSync(program)
  ? undefined
  : 'needs PgBouncer: apt-get install pgbouncer, or its path in NESTBIT_PGBOUNCER';

/** PgBouncer in transaction mode before a database. */
export interface PgBouncer {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param database URL of a database that trusts its users */
export async function startPgBouncer(database: string): Promise<PgBouncer> {
  const { hostname, port, pathname, username } = new URL(database);
  const folder = mkdtempSync(join(tmpdir(), 'nestbit-pgbouncer-'));
  const listen = await freePort();
  const users = join(folder, 'users.txt');
  writeFileSync(users, `"${username}" ""\n`);
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]
* = host=${hostname} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listen}
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = 10
ignore_startup_parameters = extra_float_digits
unix_socket_dir =
`,
  );
  const root = process.getuid?.() === 0;
  if (root) {
    // It refuses to run as root.
    const [, , uid, gid] = /^nobody:.*$/m.exec(readFileSync('/etc/passwd', 'utf8'))?.[0].split(':') ?? [];
    for (const path of [folder, users, join(folder, 'pgbouncer.ini')])
      chownSync(path, Number(uid), Number(gid));
  }
  const server: ChildProcess = spawn(
    program,
    [...(root ? ['-u', 'nobody'] : []), join(folder, 'pgbouncer.ini')],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  server.stderr?.on('data', (text) => {
    said = `${said}${text}`.slice(-4000);
  });
  const url = `postgres://${username}@127.0.0.1:${listen}${pathname}`;
  for (let tries = 0; ; tries++) {
    if (server.exitCode !== null || tries > 100) throw new Error(`PgBouncer did not start: ${said}`);
    const client = new pg.Client(url);
    try {
      await client.connect();
      break;
    } catch {
      await sleep(50);
    } finally {
      await client.end().catch(() => {});
    }
  }
  const stop = async (): Promise<void> => {
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, stop };
}

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
