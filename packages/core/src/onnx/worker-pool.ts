import { NestbitError } from '../errors.ts';
import { EncoderThread, type Job } from './encoder-thread.ts';
import type { Prompt } from './prompts.ts';
import type { SessionOptions } from './session.ts';

/** Jobs that a thread has at once: one that it works on and one that waits, so that it never idles. */
const IN_FLIGHT = 2;

/** A job that was started. */
export interface StartedJob {
  readonly embeddings: Promise<Float32Array>;
  /** Refuses the job at once, if it has not ended, and frees its thread at the next batch. */
  cancel(error: NestbitError): void;
}

/** Worker threads with a session each, fed from one queue. An idle pool does not keep the process alive. */
export class WorkerPool {
  #dimensions = 0;
  readonly #threads: EncoderThread[];
  readonly #queue: Job[] = [];
  #failure: NestbitError | undefined;

  private constructor(count: number, options: SessionOptions) {
    const events = {
      free: (): void => this.#feed(),
      failed: (error: NestbitError): void => this.#fail(error),
    };
    this.#threads = Array.from({ length: count }, () => new EncoderThread(options, events));
  }

  static async open(count: number, options: SessionOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(count, options);
    try {
      const dimensions = await Promise.all(pool.#threads.map((thread) => thread.ready));
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

  /** Jobs that one call should have started at a time, so that every thread stays busy. */
  get slots(): number {
    return this.#threads.length * IN_FLIGHT;
  }

  /** @throws NestbitError `ENCODER_CLOSED`, or what a thread failed with: a pool that lost one has ended */
  start(texts: readonly string[], prompt: Prompt): StartedJob {
    if (this.#failure !== undefined) throw this.#failure;
    let job!: Job;
    const embeddings = new Promise<Float32Array>((resolve, reject) => {
      job = { texts, prompt, resolve, reject };
    });
    this.#queue.push(job);
    this.#feed();
    return { embeddings, cancel: (error) => this.#cancel(job, error) };
  }

  async close(): Promise<void> {
    this.#fail(new NestbitError('ENCODER_CLOSED', 'The encoder is closed; open it again.'));
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  /** Refuses what waits and what comes; what is at work is refused or done by its thread. */
  #fail(error: NestbitError): void {
    this.#failure ??= error;
    for (const job of this.#queue.splice(0)) job.reject(error);
  }

  #cancel(job: Job, error: NestbitError): void {
    const waiting = this.#queue.indexOf(job);
    if (waiting >= 0) this.#queue.splice(waiting, 1);
    else for (const thread of this.#threads) thread.cancel(job);
    job.reject(error);
  }

  #feed(): void {
    for (let depth = 0; depth < IN_FLIGHT; depth++) {
      for (const thread of this.#threads) {
        const job = thread.busy <= depth ? this.#queue.shift() : undefined;
        if (job !== undefined) thread.start(job);
      }
    }
  }
}
