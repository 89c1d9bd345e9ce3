import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execArgv, program } from '../children.ts';
import type { Outcome } from './child.ts';

/** How the files of a run ended. The last four are faults. */
export interface Tally {
  refused: number;
  right: number;
  wrong: number;
  /** An error without a name of ours. */
  raw: number;
  crash: number;
  hang: number;
  /** The first faults, with the number that makes the file again. */
  readonly faults: string[];
}

/** Milliseconds without news after which a file counts as one that hangs the process. */
const HANG = Number(process.env['NESTBIT_FUZZ_HANG'] ?? 30_000);
const FAULTS_KEPT = 10;
const AT_START = 'at the start, ';

/** Reads the mutated files of the numbers [first, first + cases) of a format, in child processes. */
export async function fuzz(name: string, first: number, cases: number): Promise<Tally> {
  const tally: Tally = { refused: 0, right: 0, wrong: 0, raw: 0, crash: 0, hang: 0, faults: [] };
  const folder = mkdtempSync(join(tmpdir(), 'nestbit-fuzz-'));
  const fault = (number: number, what: string): void => {
    if (tally.faults.length < FAULTS_KEPT) tally.faults.push(`${name} ${number}: ${what}`);
  };
  try {
    for (let next = first; next < first + cases; ) {
      const told = (outcome: Outcome): void => {
        next = outcome.number + 1;
        tally[outcome.end]++;
        if (outcome.what !== undefined) fault(outcome.number, `${outcome.end}: ${outcome.what}`);
      };
      const ended = await child([name, `${next}`, `${first + cases}`, folder], told);
      if (ended === 'done') break;
      tally[ended.kind]++;
      fault(next, `${ended.kind}: ${ended.what}`);
      // A format whose whole files are not read as they should be has nothing to tell of its mutated ones.
      if (ended.what.startsWith(AT_START)) break;
      next++;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return tally;
}

type End = 'done' | { readonly kind: 'crash' | 'hang'; readonly what: string };

function child(args: string[], told: (outcome: Outcome) => void): Promise<End> {
  return new Promise((resolve) => {
    const running = fork(program('fuzz/child.ts'), args, {
      execArgv: [...execArgv],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let errors = '';
    let hung = false;
    let began = false;
    const onSilence = (): void => {
      hung = true;
      running.kill('SIGKILL');
    };
    let silence = setTimeout(onSilence, 10 * HANG);
    running.stderr?.on('data', (text) => {
      errors = `${errors}${text}`.slice(-2000);
    });
    running.on('message', (outcome: Outcome) => {
      began = true;
      clearTimeout(silence);
      silence = setTimeout(onSilence, HANG);
      told(outcome);
    });
    running.on('exit', (code, signal) => {
      clearTimeout(silence);
      if (hung) resolve({ kind: 'hang', what: `nothing for ${HANG} ms` });
      else if (code === 0) resolve('done');
      else resolve({ kind: 'crash', what: `${began ? '' : AT_START}${signal ?? code} ${errors}` });
    });
  });
}
