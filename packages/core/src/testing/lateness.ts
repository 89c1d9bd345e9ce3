import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

export interface Lateness {
  /** How late a timer of this thread was at most, in ms. */
  readonly latest: number;
  /**
   * The same without the time in which this thread was ready to run and other threads had the processors, as
   * Linux counts it; elsewhere equal to `latest`.
   */
  readonly own: number;
  /** Share of the machine's processors that other processes used meanwhile, 0 to 1. */
  readonly foreign: number;
}

const INTERVAL = 5;

/** How late timers of this thread are while `run` goes on. */
export async function lateness(run: () => Promise<unknown>): Promise<Lateness> {
  const foreign = foreignLoad();
  let latest = 0;
  let own = 0;
  let due = performance.now() + INTERVAL;
  let waited = waitedForProcessor();
  const tick = (): void => {
    const late = performance.now() - due;
    const wait = waitedForProcessor();
    latest = Math.max(latest, late);
    own = Math.max(own, late - (wait - waited));
    due = performance.now() + INTERVAL;
    waited = wait;
  };
  const timer = setInterval(tick, INTERVAL);
  try {
    await run();
  } finally {
    // A timer that is overdue at the end counts too.
    tick();
    clearInterval(timer);
  }
  return { latest, own, foreign: foreign() };
}

/** Time that this thread has waited in a processor's queue, in ms: the second figure of its schedstat. */
function waitedForProcessor(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

function foreignLoad(): () => number {
  const started = performance.now();
  const others = (): number => {
    const busy = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
    const { user, system } = process.cpuUsage();
    return busy - (user + system) / 1000;
  };
  const before = others();
  return () => Math.max(0, others() - before) / ((performance.now() - started) * cpus().length);
}
