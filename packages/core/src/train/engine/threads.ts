import { Worker } from 'node:worker_threads';

/** Node starts no thread from a file when it inherits --input-type; a data: module that imports the file it does. */
export function startThread(name: 'leader' | 'follower', workerData: unknown): Worker {
  const file = `./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`;
  const program = `import ${JSON.stringify(new URL(file, import.meta.url).href)};`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), { workerData });
}
