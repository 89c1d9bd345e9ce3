// Starts a call of the addon that takes long, says so, and waits for its end.
import { parentPort, workerData } from 'node:worker_threads';
import { BinaryIndex } from '@nestbit/faiss-adapter';
import { clusteredBits } from './hamming.ts';

const codes = clusteredBits(50_000, 32, 500);
const index = BinaryIndex.create(
  workerData === 'train'
    ? { kind: 'ivf', dimensions: 256, lists: 512 }
    : { kind: workerData === 'add' ? 'hnsw' : 'flat', dimensions: 256 },
);
if (workerData === 'search') await index.add(codes);
const call =
  workerData === 'train'
    ? index.train(codes, { iterations: 1000 })
    : workerData === 'add'
      ? index.add(codes)
      : index.search(codes);
parentPort?.postMessage('started');
await call;
