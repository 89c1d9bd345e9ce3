import type { Worker } from 'node:worker_threads';

/** The worker threads that are started while `run` goes on. */
export async function workersOf<T>(run: () => Promise<T>): Promise<{ result: T; workers: Worker[] }> {
  const workers: Worker[] = [];
  const seen = (worker: Worker): void => void workers.push(worker);
  process.on('worker', seen);
  try {
    return { result: await run(), workers };
  } finally {
    process.off('worker', seen);
  }
}
