import { NestbitError, throwIfAborted } from '../errors.ts';
import type { Prompt } from './prompts.ts';
import type { StartedJob, WorkerPool } from './worker-pool.ts';

/** What one call of the encoder has under way. All of it ends as soon as its signal fires or the call ends. */
export class EncodeCall {
  readonly #pool: WorkerPool;
  readonly #prompt: Prompt;
  readonly #signal: AbortSignal | undefined;
  readonly #jobs = new Set<StartedJob>();
  readonly #waiting = new Set<(error: NestbitError) => void>();
  readonly #aborted = (): void => this.#cancel(aborted(this.#signal?.reason));

  constructor(pool: WorkerPool, prompt: Prompt, signal: AbortSignal | undefined) {
    throwIfAborted(signal);
    this.#pool = pool;
    this.#prompt = prompt;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#aborted);
  }

  /** Jobs to have under way, so that every thread stays busy. */
  get slots(): number {
    return this.#pool.slots;
  }

  /** Embeddings of a window of texts: texts × dimensions. */
  async encode(texts: readonly string[]): Promise<Float32Array> {
    throwIfAborted(this.#signal);
    const job = this.#pool.start(texts, this.#prompt);
    this.#jobs.add(job);
    return await job.embeddings.finally(() => this.#jobs.delete(job));
  }

  /** What the promise gives, or `ABORTED` as soon as the signal fires. */
  async orAborted<T>(promise: Promise<T>): Promise<T> {
    let waiting: (error: NestbitError) => void = () => {};
    try {
      return await new Promise((resolve, reject) => {
        waiting = reject;
        this.#waiting.add(waiting);
        promise.then(resolve, reject);
        throwIfAborted(this.#signal);
      });
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /** Has to be called in the end; drops what still runs. */
  end(): void {
    this.#signal?.removeEventListener('abort', this.#aborted);
    this.#cancel(new NestbitError('ABORTED', 'The call that wanted these embeddings has ended.'));
  }

  #cancel(error: NestbitError): void {
    for (const reject of this.#waiting) reject(error);
    for (const job of this.#jobs) job.cancel(error);
  }
}

function aborted(cause: unknown): NestbitError {
  return new NestbitError('ABORTED', 'The operation was aborted by its AbortSignal.', { cause });
}
