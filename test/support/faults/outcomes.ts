import { type ChildProcess, fork } from 'node:child_process';
import { execArgv, message, program } from '../children.ts';

/** How often each outcome came, and what led to the bad ones. */
export class Outcomes {
  readonly counts = { refused: 0, right: 0, wrong: 0, crash: 0, hang: 0 };
  readonly codes: Record<string, number> = {};
  readonly bad: string[] = [];

  add(kind: keyof Outcomes['counts'], what: string): void {
    this.counts[kind]++;
    if (kind === 'refused') this.codes[what] = (this.codes[what] ?? 0) + 1;
    else if (kind !== 'right' && this.bad.length < 20) this.bad.push(`${kind}: ${what}`);
  }

  toString(): string {
    return JSON.stringify({ ...this.counts, codes: this.codes });
  }
}

const HANG = 60_000;

/** Asks a child process, which is started again when it crashed or hung. */
export class Asker {
  readonly #name: string;
  #child: ChildProcess | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** The answer, or how the child failed to give one. */
  async ask(what: unknown): Promise<{ answer: string } | { crash: string } | { hang: true }> {
    if (this.#child === undefined) {
      this.#child = fork(program(this.#name), [], {
        execArgv: [...execArgv],
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      });
      await message(this.#child);
    }
    const asked = this.#child;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), HANG);
    });
    try {
      const answer = message<string>(asked);
      asked.send(what as string);
      const first = await Promise.race([answer, late]);
      if (first !== 'late') return { answer: first };
      answer.catch(() => {});
      this.end();
      return { hang: true };
    } catch (error) {
      this.end();
      return { crash: (error as Error).message };
    } finally {
      clearTimeout(timer);
    }
  }

  end(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
}
