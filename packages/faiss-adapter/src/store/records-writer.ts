import type { Worker } from 'node:worker_threads';
import { NestbitError, startThread } from '@nestbit/core';
import type { Packed } from './packer.ts';
import type { Committed, Sums } from './records-db.ts';

/** What the thread starts with. */
export interface WorkerSetup {
  /** Of the generation. */
  readonly folder: string;
  readonly fingerprint: string;
  readonly id: string;
  /** Checks of a store that has none yet. */
  readonly sums: Sums | undefined;
}

/** New rows. */
export interface RowsToWrite {
  /** Number of the first: the committed number of rows. */
  readonly first: number;
  readonly keys: Packed;
  readonly records: Packed;
  /** All fields, when there is a new one. */
  readonly fields: readonly string[] | undefined;
  /** CRC-32 over `checks.u32` with these rows. */
  readonly checks: number;
}

export type Request = { readonly call: number } & (
  | ({ readonly kind: 'write' } & RowsToWrite)
  | { readonly kind: 'remove'; readonly keys: Packed }
  | { readonly kind: 'close' }
);

type Unnumbered<T> = T extends unknown ? Omit<T, 'call'> : never;

export interface Response {
  readonly call: number;
  readonly state?: Committed;
  /** Rows that died. */
  readonly gone?: Uint32Array;
  readonly error?: string;
}

/** The thread that writes a store's records. One at a time for a store; the lock sees to that. */
export class RecordsWriter {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<Response>>();
  readonly #path: string;
  #calls = 0;
  #failure: NestbitError | undefined;

  private constructor(setup: WorkerSetup) {
    this.#path = setup.folder;
    this.#worker = startThread(import.meta.url, 'records-worker', setup);
    this.#worker.on('message', (response: Response) => this.#settle(response));
    this.#worker.on('error', (cause) => this.#fail(cause));
    this.#worker.on('exit', () => this.#fail(undefined));
  }

  static async open(setup: WorkerSetup): Promise<{ writer: RecordsWriter; state: Committed }> {
    const writer = new RecordsWriter(setup);
    const { state } = await writer.#wait(0);
    return { writer, state: state as Committed };
  }

  /** Commits new rows after the last; durable when it resolves. */
  async write(rows: RowsToWrite): Promise<Required<Pick<Response, 'state' | 'gone'>>> {
    const { keys, records } = rows;
    const buffers = [keys.bytes.buffer, keys.ends.buffer, records.bytes.buffer, records.ends.buffer];
    return await this.#commit({ kind: 'write', ...rows }, buffers);
  }

  /** Commits deletions. */
  async remove(keys: Packed): Promise<Required<Pick<Response, 'state' | 'gone'>>> {
    return await this.#commit({ kind: 'remove', keys }, [keys.bytes.buffer, keys.ends.buffer]);
  }

  async close(): Promise<void> {
    if (this.#failure === undefined) await this.#ask({ kind: 'close' }, []).catch(() => {});
    await this.#worker.terminate();
  }

  async #commit(
    request: Unnumbered<Request>,
    transfer: ArrayBuffer[],
  ): Promise<Required<Pick<Response, 'state' | 'gone'>>> {
    const { state, gone } = await this.#ask(request, transfer);
    return { state: state as Committed, gone: gone as Uint32Array };
  }

  #ask(request: Unnumbered<Request>, transfer: ArrayBuffer[]): Promise<Response> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#calls++;
    const answer = this.#wait(this.#calls);
    this.#worker.postMessage({ ...request, call: this.#calls }, transfer);
    return answer;
  }

  #wait(call: number): Promise<Response> {
    const waiting = withResolvers<Response>();
    this.#waiting.set(call, waiting);
    // Only a call under way keeps the process.
    this.#worker.ref();
    return waiting.promise;
  }

  #settle(response: Response): void {
    const waiting = this.#waiting.get(response.call);
    this.#waiting.delete(response.call);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (response.error === undefined) waiting?.resolve(response);
    else waiting?.reject(this.#failed(response.error, undefined));
  }

  #fail(cause: Error | undefined): void {
    this.#failure ??= this.#failed(cause?.message ?? 'its thread ended', cause);
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#waiting.clear();
  }

  #failed(what: string, cause: Error | undefined): NestbitError {
    const message = `The records in ${this.#path} cannot be written: ${what}. What was acknowledged before is safe.`;
    return new NestbitError('STORE_FAILED', message, { cause });
  }
}

// Promise.withResolvers is newer than Node 20.
interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: Error): void;
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}
