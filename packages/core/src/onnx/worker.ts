// The thread of one onnxruntime session. It answers { job, texts, prompt } with { job, embeddings } or
// { job, error }, and ends when it is sent null.
import { parentPort, workerData } from 'node:worker_threads';
import { NestbitError } from '../errors.ts';
import { Session, type SessionOptions } from './session.ts';

if (parentPort === null) throw new Error('this module runs as a worker thread');
const port = parentPort;

function describe(error: unknown): { code: string; message: string } {
  const { message } = error as Error;
  return { code: error instanceof NestbitError ? error.code : 'ENCODER_FAILED', message };
}

async function main(): Promise<void> {
  let session: Session;
  try {
    session = await Session.open(workerData as SessionOptions);
  } catch (error) {
    port.postMessage({ job: -1, error: describe(error) });
    return;
  }
  port.postMessage({ job: -1, dimensions: session.dimensions });
  port.on('message', async (message: { job: number; texts: string[]; prompt: string } | null) => {
    if (message === null) {
      await session.close();
      port.close();
      return;
    }
    try {
      const embeddings = await session.encode(message.texts, message.prompt);
      port.postMessage({ job: message.job, embeddings }, [embeddings.buffer as ArrayBuffer]);
    } catch (error) {
      port.postMessage({ job: message.job, error: describe(error) });
    }
  });
}

await main();
