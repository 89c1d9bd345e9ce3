import { spawn } from 'node:child_process';
import type { Run } from './nestbit.ts';

const cli = new URL('../../packages/cli/dist/index.js', import.meta.url).href;

/** Runs the command lines that standard input lists, one after another, and prints what each of them left. */
const SCRIPT = `
import { readFileSync } from 'node:fs';
import { run } from '${cli}';
const print = process.stdout.write.bind(process.stdout);
const runs = [];
for (const args of JSON.parse(readFileSync(0, 'utf8'))) {
  const left = { status: 0, out: '', err: '' };
  process.stdout.write = (text) => { left.out += text; return true; };
  process.stderr.write = (text) => { left.err += text; return true; };
  left.status = await run(args);
  runs.push(left);
}
print(JSON.stringify(runs));
`;

/**
 * Runs several command lines, one after another, in one process: starting a process takes longer than most commands.
 * What concerns the process itself (signals, pipes, its exit) needs `nestbit`.
 */
export async function nestbitLines(...lines: readonly (readonly string[])[]): Promise<Run[]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT]);
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  child.stdin.end(JSON.stringify(lines));
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== 0) throw new Error(`the process of the command lines ended with ${status}: ${err}`);
  return JSON.parse(out) as Run[];
}
