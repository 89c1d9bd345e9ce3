// The thread that encodes slices of large batches: each message names a slot of the memory that both threads see, and
// is answered when the slice's codes stand in it.
import { parentPort, workerData } from 'node:worker_threads';
import { Codec } from '../../codec/codec.ts';
import { type SliceDone, type SliceTask, slotViews } from './slots.ts';

if (parentPort === null) throw new Error('this module runs as a worker thread');
const port = parentPort;
const memory = workerData as SharedArrayBuffer;
const codecs = new Map<string, Codec>();

port.on('message', (task: SliceTask) => {
  port.postMessage({ slot: task.slot, saturated: encode(task) } satisfies SliceDone);
});
port.postMessage('ready');

/** Nothing when the slice cannot be encoded: who asked tries it again and meets the error with the row's id. */
function encode({ slot, rows, fingerprint, settings }: SliceTask): number | undefined {
  try {
    if (settings !== undefined) codecs.set(fingerprint, new Codec(settings));
    const codec = codecs.get(fingerprint) as Codec;
    const { embeddings, ...into } = slotViews(memory, slot, rows, codec);
    return codec.encodeInto(into, embeddings);
  } catch {
    return undefined;
  }
}
