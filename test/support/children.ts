import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Options of Node with which a child runs a program of TypeScript, on the packages as they are built. */
export const execArgv: readonly string[] = ['--import', new URL('./ts-workers.js', import.meta.url).href];

/** The path of a program of this folder. */
export const program = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));

/** Starts a program of this folder, which can be sent messages. */
export function child(name: string, ...args: string[]): ChildProcess {
  return fork(program(name), args, { execArgv: [...execArgv] });
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
