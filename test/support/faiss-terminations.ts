// Ends worker threads in the middle of calls of the addon, again and again, and prints how often it survived.
// Arguments: what the workers do, how often, the folder of a store.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { clusteredVectors } from '@nestbit/core/testing';
import { BinaryIndex, FaissStore } from '@nestbit/faiss-adapter';
import { execArgv, program } from './children.ts';
import { clusteredBits } from './hamming.ts';
import { seeded } from './random.ts';

interface Task {
  readonly call: string;
  readonly folder: string;
}

if (isMainThread) {
  const [, , call, times, folder] = process.argv;
  const below = seeded(20261128);
  let survived = 0;
  for (; survived < Number(times); survived++) {
    const workerData: Task = { call, folder };
    const worker = new Worker(program('faiss-terminations.ts'), { workerData, execArgv: [...execArgv] });
    await new Promise((started, failed) => worker.once('message', started).once('error', failed));
    await new Promise((later) => setTimeout(later, below(20)));
    await worker.terminate();
  }
  // The addon works on in this thread.
  const index = BinaryIndex.create({ kind: 'flat', dimensions: 256 });
  await index.add(clusteredBits(100, 32));
  const [hit] = await index.search(clusteredBits(1, 32), { k: 1 });
  console.log(JSON.stringify({ survived, distance: hit.distances[0] }));
} else {
  const { call, folder } = workerData as Task;
  const codes = clusteredBits(20_000, 32, 200);
  const queries = codes.subarray(0, 64 * 32);
  const ready = (): void => parentPort?.postMessage('started');
  if (call === 'search') {
    const index = BinaryIndex.create({ kind: 'flat', dimensions: 256 });
    await index.add(codes);
    ready();
    for (;;) await index.search(queries);
  } else if (call === 'add') {
    ready();
    await BinaryIndex.create({ kind: 'hnsw', dimensions: 256 }).add(codes);
  } else if (call === 'file') {
    const index = BinaryIndex.create({ kind: 'flat', dimensions: 256 });
    await index.add(codes);
    ready();
    for (;;) {
      await index.write(`${folder}/index.faiss`);
      await BinaryIndex.read(`${folder}/index.faiss`);
    }
  } else if (call === 'store') {
    const store = await FaissStore.open(`${folder}/store`, { readOnly: true });
    ready();
    for (let seed = 1; ; seed++) await store.search(clusteredVectors(64, 64, 8, seed), { k: 10 });
  } else {
    // A call that waits for the terminated worker's answer, and one that never is collected.
    void BinaryIndex.create({ kind: 'ivf', dimensions: 256, lists: 512 }).train(codes, { iterations: 1000 });
    ready();
    setInterval(() => {}, 1000);
  }
}
