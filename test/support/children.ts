import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Options of Node with which a child runs the sources. */
export const execArgv: readonly string[] = [
  '--import',
  new URL('./ts-workers.js', import.meta.url).href,
  '--conditions',
  '@nestbit/source',
];

/** Starts a program of this folder, which can be sent messages. */
export function child(program: string, ...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(program, import.meta.url));
  return fork(path, args, { execArgv: [...execArgv] });
}

/** The next message of a child. Fails when it ends before. */
export function message<T>(from: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null): void =>
      reject(new Error(`the child ended with ${code ?? signal} before it said anything`));
    from.once('exit', ended);
    from.once('message', (value) => {
      from.off('exit', ended);
      resolve(value as T);
    });
  });
}

/** Ends a child at once, as a power cut would. */
export async function kill(victim: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => victim.once('exit', resolve));
  victim.kill('SIGKILL');
  await gone;
}
