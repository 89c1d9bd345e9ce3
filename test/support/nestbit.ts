import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../packages/cli/bin/nestbit.js', import.meta.url));

/** What a run of the command line left. */
export interface Run {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts the command line, as it is built, in a process of its own. */
export function start(...args: string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [main, ...args]);
}

/** Runs the command line in a process of its own. */
export function nestbit(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = start(...args);
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => {
      out += data;
    });
    child.stderr.on('data', (data) => {
      err += data;
    });
    child.on('close', (status) => resolve({ status, out, err }));
  });
}
