import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** Where a PostgreSQL lies. */
export interface Installation {
  /** Folder of its programs, within `root`. */
  readonly bin: string;
  /** A system of its own, entered by chroot; absent: this one. */
  readonly root?: string;
}

/** A server of the tests on an empty data folder; it does not sync, since nothing of it is to outlive the tests. */
export class Cluster {
  readonly port: number;
  readonly #at: Installation;
  readonly #data: string;
  #server: ChildProcess | undefined;

  private constructor(at: Installation, data: string, port: number) {
    this.#at = at;
    this.#data = data;
    this.port = port;
  }

  /** @param settings such as `shared_buffers=1GB` */
  static async start(at: Installation, settings: readonly string[] = []): Promise<Cluster> {
    const data = dataFolder(at);
    run(
      at,
      'initdb',
      '-D',
      inside(at, data),
      '-U',
      'postgres',
      '--no-sync',
      '--locale=C',
      '-E',
      'UTF8',
      '-A',
      'trust',
    );
    const cluster = new Cluster(at, data, await freePort());
    await cluster.restart(settings);
    return cluster;
  }

  /** A streaming replica of a server, which answers reads. */
  static async replicaOf(primary: Cluster): Promise<Cluster> {
    const at = primary.#at;
    const data = dataFolder(at);
    run(at, 'pg_basebackup', '-D', inside(at, data), '-d', primary.url, '-R', '-c', 'fast', '--no-sync');
    const replica = new Cluster(at, data, await freePort());
    await replica.restart();
    return replica;
  }

  /** Its data folder. */
  get folder(): string {
    return this.#data;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  /** Starts the server, after ending it at once when it runs. */
  async restart(settings: readonly string[] = []): Promise<void> {
    await this.kill();
    const options = [
      'fsync=off',
      // Posix needs /dev/shm, which a root of its own lacks; a mapped file would be written to disk during builds of indexes.
      'dynamic_shared_memory_type=sysv',
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      `port=${this.port}`,
      'max_connections=60',
      ...settings,
    ];
    const [command, ...args] = commandOf(this.#at, 'postgres', '-D', inside(this.#at, this.#data));
    const server = spawn(command, [...args, ...options.flatMap((option) => ['-c', option])], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    server.stderr.on('data', (text) => {
      said = `${said}${text}`.slice(-4000);
    });
    this.#server = server;
    for (let tries = 0; ; tries++) {
      if (server.exitCode !== null || tries > 200) throw new Error(`PostgreSQL did not start: ${said}`);
      const client = new pg.Client(this.url);
      try {
        await client.connect();
        return;
      } catch {
        await sleep(50);
      } finally {
        await client.end().catch(() => {});
      }
    }
  }

  /** Ends the server at once, its sessions with it. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    const gone = new Promise((resolve) => server.once('exit', resolve));
    // The program that changes the user or the root hands no signal on: the server itself is meant.
    process.kill(Number(readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGQUIT');
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#data, { recursive: true, force: true });
  }
}

/** PostgreSQL as the distribution installs it, the newest one. */
export function distributionInstallation(): Installation | undefined {
  for (const version of [18, 17, 16, 15, 14]) {
    const bin = `/usr/lib/postgresql/${version}/bin`;
    if (existsSync(join(bin, 'initdb'))) return { bin };
  }
  return undefined;
}

function run(at: Installation, program: string, ...args: string[]): void {
  const [command, ...rest] = commandOf(at, program, ...args);
  execFileSync(command, rest, { stdio: 'pipe' });
}

// The server refuses to run as root.
export function commandOf(at: Installation, program: string, ...args: string[]): [string, ...string[]] {
  const path = join(at.bin, program);
  if (at.root !== undefined) return ['chroot', '--userspec=postgres:postgres', at.root, path, ...args];
  return process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--', path, ...args] : [path, ...args];
}

function dataFolder({ root }: Installation): string {
  const parent = root === undefined ? tmpdir() : join(root, 'tmp');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'nestbit-postgres-'));
  if (process.getuid?.() === 0) {
    const users = readFileSync(join(root ?? '/', 'etc/passwd'), 'utf8');
    const [, , uid, gid] = /^postgres:.*$/m.exec(users)?.[0].split(':') ?? [];
    chownSync(folder, Number(uid), Number(gid));
  }
  return folder;
}

function inside({ root }: Installation, path: string): string {
  return root === undefined ? path : path.slice(root.length);
}

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
