import { NestbitError, throwIfAborted } from '../errors.ts';
import { startThread } from '../thread.ts';
import { checkRecord, type TrainRecord } from './data/records.ts';
import type { FromLeader, LeaderData, ToLeader, TrainReport } from './messages.ts';
import { checkOut } from './model/write-model.ts';
import { type TrainOptions, type TrainProgress, trainSettings } from './settings.ts';

/** Records that are sent to the training thread at a time. */
const CHUNK = 1000;

/**
 * Trains a static embedding model (WordPiece tokens, a table, their mean) with a Matryoshka loss on the CPU: symmetric
 * multiple negatives ranking for pairs and passages, CoSENT for scored pairs. All work runs on threads of its own. Texts
 * are kept in memory, each once; the table takes vocabulary × width × 12 bytes.
 *
 * @param source pairs, scored pairs or passages, of one kind; `readTrainRecords` streams them from JSONL
 * @returns what was made, with the quality that is left at each width, measured on held-out pairs
 * @throws NestbitError `DATASET_INVALID` (too few pairs, mixed kinds), `MODEL_INVALID` (tokenizer), `FILE_WRITE`,
 * `CHECKPOINT_MISMATCH`, `TRAINING_DIVERGED`, `OUT_OF_MEMORY`, `ABORTED`
 * @throws TypeError or RangeError naming the option
 */
export async function train(
  source: AsyncIterable<TrainRecord> | Iterable<TrainRecord>,
  options: TrainOptions,
): Promise<TrainReport> {
  const settings = trainSettings(options);
  const { signal, onProgress } = options;
  throwIfAborted(signal);
  await checkOut(settings.out);
  const abort = new Int32Array(new SharedArrayBuffer(4));
  const worker = startThread(import.meta.url, 'engine/leader', { settings, abort } satisfies LeaderData);
  let stop = (): void => {};
  let taken: () => void = () => {};
  let phase: TrainProgress['phase'] = 'reading';
  const report = new Promise<TrainReport>((resolve, reject) => {
    stop = () => {
      Atomics.store(abort, 0, 1);
      // Before the first step there is nothing to keep, and no need to wait for the thread.
      if (phase === 'reading' || phase === 'tokenizing') reject(aborted(signal));
    };
    worker.on('message', (message: FromLeader) => {
      if (message.type === 'taken') taken();
      else if (message.type === 'progress') {
        phase = message.progress.phase;
        onProgress?.(message.progress);
      } else if (message.type === 'done') resolve(message.report);
      else reject(failure(message, signal));
    });
    worker.on('error', reject);
    worker.on('exit', (status) => reject(new Error(`the training thread ended with status ${status}`)));
  });
  signal?.addEventListener('abort', stop);
  const post = (message: ToLeader): void => worker.postMessage(message);
  try {
    // A failure while records are sent ends the sending, too.
    await Promise.race([sendAll(), report]);
    return await report;
  } finally {
    signal?.removeEventListener('abort', stop);
    await worker.terminate();
  }

  async function sendAll(): Promise<void> {
    let chunk: TrainRecord[] = [];
    let number = 0;
    const send = async (): Promise<void> => {
      const done = new Promise<void>((resolve) => {
        taken = resolve;
      });
      post({ type: 'records', records: chunk });
      chunk = [];
      await Promise.race([done, report]);
      onProgress?.({
        phase: 'reading',
        done: number,
        total: undefined,
        loss: undefined,
        rate: undefined,
        secondsLeft: undefined,
      });
    };
    for await (const record of source) {
      throwIfAborted(signal);
      chunk.push(checkRecord(record, ++number));
      if (chunk.length === CHUNK) await send();
    }
    if (chunk.length > 0) await send();
    post({ type: 'end' });
  }
}

function aborted(signal: AbortSignal | undefined): NestbitError {
  return new NestbitError('ABORTED', 'The training was stopped before its first step; nothing was written.', {
    cause: signal?.reason,
  });
}

function failure(
  { code, message }: Extract<FromLeader, { type: 'failed' }>,
  signal: AbortSignal | undefined,
): Error {
  if (code === undefined) return new Error(message);
  return new NestbitError(code, message, code === 'ABORTED' ? { cause: signal?.reason } : {});
}
