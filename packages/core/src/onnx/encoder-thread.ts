import type { Worker } from 'node:worker_threads';
import { NestbitError } from '../errors.ts';
import { startThread } from '../thread.ts';
import type { Prompt } from './prompts.ts';
import type { SessionOptions } from './session.ts';
import { type FromWorker, fromWorkerError, type ToWorker } from './worker-messages.ts';

/** Some texts for one worker, and who waits for their embeddings. */
export interface Job {
  readonly texts: readonly string[];
  readonly prompt: Prompt;
  readonly resolve: (embeddings: Float32Array) => void;
  readonly reject: (error: NestbitError) => void;
}

/** What a pool wants to hear of its threads. */
export interface ThreadEvents {
  /** A job has ended: there is room for another. */
  free(): void;
  /** The thread ended without being asked to. */
  failed(error: NestbitError): void;
}

/** One worker thread with a session. It keeps the process alive only while it opens the model or has jobs. */
export class EncoderThread {
  /** The model's dimensions, when it is open. */
  readonly ready: Promise<number>;
  readonly #worker: Worker;
  readonly #events: ThreadEvents;
  readonly #jobs = new Map<number, Job>();
  readonly #exited: Promise<void>;
  #next = 0;
  /** Ends a thread that has freed its model. */
  #terminate: () => void = () => {};
  #closing = false;

  constructor(options: SessionOptions, events: ThreadEvents) {
    this.#events = events;
    this.#worker = startThread(import.meta.url, 'worker', options);
    let cause: unknown;
    this.#worker.on('error', (error) => {
      cause = error;
    });
    let settle: (outcome: number | NestbitError) => void = () => {};
    this.ready = new Promise((resolve, reject) => {
      settle = (outcome) => (typeof outcome === 'number' ? resolve(outcome) : reject(outcome));
    });
    // The pool awaits it; a pool that fails earlier must not leave it unhandled.
    this.ready.catch(() => {});
    this.#worker.on('message', (message: FromWorker) => {
      if (message.type === 'ready') {
        if (!this.#closing) this.#worker.unref();
        settle(message.dimensions);
      } else if (message.type === 'unusable') {
        this.#closing = true;
        settle(fromWorkerError(message.error));
        this.#terminate();
      } else if (message.type === 'closed') this.#terminate();
      else this.#end(message);
    });
    this.#exited = new Promise((resolve) => {
      this.#terminate = () => {
        // Deno tells of no exit that was asked for. Bun crashes when a thread with onnxruntime ends: it stays, idle.
        this.#worker.unref();
        const ended = 'Bun' in globalThis ? undefined : this.#worker.terminate();
        void Promise.resolve(ended).then(() => resolve());
      };
      this.#worker.on('exit', (status) => {
        const error = this.#closing ? closed() : crashed(status, cause);
        settle(error);
        this.#rejectAll(error);
        if (!this.#closing) events.failed(error);
        this.#closing = true;
        resolve();
      });
    });
  }

  /** Jobs that the thread has and has not answered. */
  get busy(): number {
    return this.#jobs.size;
  }

  start(job: Job): void {
    const number = this.#next++;
    this.#jobs.set(number, job);
    this.#worker.ref();
    this.#post({ type: 'encode', job: number, texts: job.texts, prompt: job.prompt });
  }

  /** Asks the thread to drop a job, if it has it, before the job's next batch. */
  cancel(job: Job): void {
    for (const [number, own] of this.#jobs) if (own === job) this.#post({ type: 'cancel', job: number });
  }

  /** Refuses the jobs, lets the batch that runs end, frees the model and ends the thread. */
  async close(): Promise<void> {
    this.#rejectAll(closed());
    if (!this.#closing) {
      this.#closing = true;
      this.#worker.ref();
      this.#post({ type: 'close' });
    }
    await this.#exited;
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #rejectAll(error: NestbitError): void {
    for (const job of this.#jobs.values()) job.reject(error);
  }

  #end(message: Extract<FromWorker, { job: number }>): void {
    const job = this.#jobs.get(message.job);
    this.#jobs.delete(message.job);
    if (this.#jobs.size === 0 && !this.#closing) this.#worker.unref();
    if (message.type === 'done') job?.resolve(message.embeddings);
    if (message.type === 'failed') job?.reject(fromWorkerError(message.error));
    this.#events.free();
  }
}

function closed(): NestbitError {
  return new NestbitError(
    'ENCODER_CLOSED',
    'The encoder was closed before this work was done; open it again.',
  );
}

function crashed(status: number, cause: unknown): NestbitError {
  const why = cause instanceof Error ? cause.message : String(cause ?? `exit status ${status}`);
  return new NestbitError(
    'ENCODER_FAILED',
    `A worker of the encoder ended (${why}); open it again, with fewer workers if memory ran out.`,
    { cause: cause ?? new Error(`the worker thread ended with status ${status}`) },
  );
}
