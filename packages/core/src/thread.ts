import { Worker } from 'node:worker_threads';

/**
 * Starts a thread that runs a file beside the one that asks. Compiled, it takes none of the options that the program's
 * Node was started with: loaders would start once more in each thread, and with `--input-type` it would not start.
 *
 * @param from `import.meta.url` of who asks
 * @param name of the file, without its ending
 */
export function startThread(from: string, name: string, workerData: unknown): Worker {
  const source = from.endsWith('.ts');
  const file = new URL(`./${name}${source ? '.ts' : '.js'}`, from);
  return new Worker(file, source ? { workerData } : { workerData, execArgv: [] });
}
