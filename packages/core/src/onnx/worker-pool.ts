import { Worker } from 'node:worker_threads';
import { NestbitError, type NestbitErrorCode } from '../errors.ts';
import type { SessionOptions } from './session.ts';

/** Some texts for one worker, and who waits for their embeddings. */
interface Job {
  readonly texts: readonly string[];
  readonly prompt: string;
  readonly resolve: (embeddings: Float32Array) => void;
  readonly reject: (error: NestbitError) => void;
}

interface Message {
  readonly job: number;
  readonly dimensions?: number;
  readonly embeddings?: Float32Array;
  readonly error?: { readonly code: NestbitErrorCode; readonly message: string };
}

/** Jobs that a worker has at once: one that it works on and one that waits, so that it never idles. */
const IN_FLIGHT = 2;

/** Worker threads with a session each, fed from one queue. An idle pool does not keep the process alive. */
export class WorkerPool {
  #dimensions = 0;
  readonly #members: Member[];
  readonly #queue: Job[] = [];
  #failure: NestbitError | undefined;

  private constructor(members: Member[]) {
    this.#members = members;
  }

  static async open(count: number, options: SessionOptions): Promise<WorkerPool> {
    const pool: WorkerPool = new WorkerPool([]);
    for (let i = 0; i < count; i++)
      pool.#members.push(
        new Member(
          options,
          () => pool.#feed(),
          (error) => pool.fail(error),
        ),
      );
    try {
      const dimensions = await Promise.all(pool.#members.map((member) => member.ready));
      pool.#dimensions = dimensions[0];
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  get dimensions(): number {
    return this.#dimensions;
  }

  run(texts: readonly string[], prompt: string): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#queue.push({ texts, prompt, resolve, reject });
      this.#feed();
    });
  }

  /** Refuses what waits; what is at work is refused when its worker is done. */
  fail(error: NestbitError): void {
    this.#failure ??= error;
    for (const job of this.#queue.splice(0)) job.reject(error);
  }

  async close(): Promise<void> {
    this.fail(new NestbitError('ENCODER_CLOSED', 'The encoder is closed; open it again.'));
    await Promise.all(this.#members.map((member) => member.close()));
  }

  #feed(): void {
    for (let depth = 0; depth < IN_FLIGHT; depth++) {
      for (const member of this.#members) {
        const job = member.busy <= depth ? this.#queue.shift() : undefined;
        if (job !== undefined) member.start(job);
      }
    }
  }
}

class Member {
  readonly ready: Promise<number>;
  readonly #worker: Worker;
  readonly #jobs = new Map<number, Job>();
  readonly #exited: Promise<void>;
  #next = 0;
  #closing = false;

  constructor(options: SessionOptions, free: () => void, failed: (error: NestbitError) => void) {
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    this.#worker = new Worker(new URL(file, import.meta.url), { workerData: options });
    let settle: (message: Message) => void = () => {};
    this.ready = new Promise((resolve, reject) => {
      settle = ({ dimensions, error }) => {
        if (dimensions === undefined) reject(errorOf(error));
        else resolve(dimensions);
      };
    });
    // The pool awaits it; a pool that fails earlier must not leave it unhandled.
    this.ready.catch(() => {});
    this.#worker.on('message', (message: Message) => {
      if (message.job === -1) {
        if (this.#jobs.size === 0) this.#worker.unref();
        settle(message);
        return;
      }
      this.#finish(message);
      free();
    });
    let cause: unknown;
    this.#worker.on('error', (error) => {
      cause = error;
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', (status) => {
        const why = cause instanceof Error ? cause.message : `status ${status}`;
        const error = this.#closing
          ? new NestbitError('ENCODER_CLOSED', 'The encoder was closed before this work was done.')
          : new NestbitError('ENCODER_FAILED', `A worker of the encoder ended (${why}); open it again.`, {
              cause,
            });
        settle({ job: -1, error });
        for (const job of this.#jobs.values()) job.reject(error);
        this.#jobs.clear();
        if (!this.#closing) failed(error);
        resolve();
      });
    });
  }

  get busy(): number {
    return this.#jobs.size;
  }

  start(job: Job): void {
    const number = this.#next++;
    this.#jobs.set(number, job);
    this.#worker.ref();
    this.#worker.postMessage({ job: number, texts: job.texts, prompt: job.prompt });
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#worker.ref();
    // Queued behind the running jobs: a session is never torn down while it runs.
    this.#worker.postMessage(null);
    await this.#exited;
  }

  #finish({ job: number, embeddings, error }: Message): void {
    const job = this.#jobs.get(number);
    this.#jobs.delete(number);
    if (this.#jobs.size === 0 && !this.#closing) this.#worker.unref();
    if (embeddings !== undefined) job?.resolve(embeddings);
    else job?.reject(errorOf(error));
  }
}

function errorOf(error: Message['error']): NestbitError {
  return new NestbitError(
    error?.code ?? 'ENCODER_FAILED',
    error?.message ?? 'A worker of the encoder failed.',
  );
}
