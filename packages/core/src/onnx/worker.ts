// The thread of one onnxruntime session: it works through its jobs one after the other, and between two
// batches of a job it hears of cancelled jobs and of the end.
import { parentPort, workerData } from 'node:worker_threads';
import { openSession, type Session, type SessionOptions } from './session.ts';
import { type FromWorker, type ToWorker, toWorkerError } from './worker-messages.ts';

type EncodeMessage = Extract<ToWorker, { type: 'encode' }>;

if (parentPort === null) throw new Error('this module runs as a worker thread');
const port = parentPort;
const waiting: EncodeMessage[] = [];
const cancelled = new Set<number>();
let working = false;
let closing = false;

function send(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

async function encode(session: Session, { job, texts, prompt }: EncodeMessage): Promise<void> {
  try {
    const embeddings = await session.encode(texts, prompt, () => closing || cancelled.has(job));
    if (embeddings === undefined) send({ type: 'cancelled', job });
    else send({ type: 'done', job, embeddings }, [embeddings.buffer]);
  } catch (error) {
    send({ type: 'failed', job, error: toWorkerError(error) });
  }
}

async function work(session: Session): Promise<void> {
  if (working) return;
  working = true;
  for (let next = waiting.shift(); next !== undefined && !closing; next = waiting.shift()) {
    await encode(session, next);
    // A cancellation that comes after its job's answer stays, which costs a number.
    cancelled.delete(next.job);
  }
  working = false;
  if (!closing) return;
  await session.close();
  send({ type: 'closed' });
}

async function main(): Promise<void> {
  try {
    const session = await openSession(workerData as SessionOptions);
    port.on('message', (message: ToWorker) => {
      if (message.type === 'encode') waiting.push(message);
      else if (message.type === 'cancel') cancelled.add(message.job);
      else closing = true;
      void work(session);
    });
    send({ type: 'ready', dimensions: session.dimensions });
  } catch (error) {
    send({ type: 'unusable', error: toWorkerError(error) });
  }
}

await main();
