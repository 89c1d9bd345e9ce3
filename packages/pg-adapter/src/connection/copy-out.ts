import type { Connection, PoolClient } from 'pg';
import { CopySocket } from './copy-socket.ts';
import { Scratch } from './scratch.ts';

/**
 * Runs statements in one round trip and gives all that their COPY … TO STDOUT bring, one after the other.
 *
 * @param text several statements; such without rows among them
 * @param into memory that the answer takes
 */
export async function copiedOut(
  client: PoolClient,
  text: string,
  into: Scratch = new Scratch(),
): Promise<Buffer> {
  into.clear();
  const copy = new CopyOut<never>(text, (piece, from, end) => into.add(piece, from, end));
  for await (const _ of copy.batches(client));
  return into.bytes;
}

/** So many waiting batches pause the socket. */
const MOST_WAITING = 8;

/** Takes the bytes at `from` to `end`, which hold only for that call. */
type Take<T> = (bytes: Buffer, from: number, end: number, ready: (batch: T) => void) => void;

/**
 * COPY … TO STDOUT as `pg` itself parses it: each piece goes to `take` at once. Much
 * cheaper for many rows than a stream of them. What `take` has ready is handed on by `batches`.
 */
export class CopyOut<T> {
  /** Set by `pg` where a pool has a `query_timeout`, to be told of the end. */
  callback: (() => void) | undefined;
  readonly #statement: string;
  readonly #take: Take<T>;
  readonly #waiting: T[] = [];
  #connection: Connection | undefined;
  #ended = false;
  #error: unknown;
  #wake: () => void = () => {};
  readonly #ready = (batch: T): void => {
    this.#waiting.push(batch);
  };

  constructor(statement: string, take: Take<T>) {
    this.#statement = statement;
    this.#take = take;
  }

  /** Runs it. A client that is left before the end must not be used again. */
  async *batches(client: PoolClient): AsyncGenerator<T> {
    client.query(this as never);
    for (;;) {
      const batch = this.#waiting.shift();
      if (batch !== undefined) {
        if (this.#waiting.length < MOST_WAITING / 2) this.#socket?.resume();
        yield batch;
        continue;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  // What follows is called by `pg`.

  submit(connection: Connection): void {
    this.#connection = connection;
    this.#past?.copyTo((bytes, from, end) => this.#taken(bytes, from, end));
    (connection as unknown as { query(text: string): void }).query(this.#statement);
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    this.#taken(chunk, 0, chunk.length);
  }

  #taken(bytes: Buffer, from: number, end: number): void {
    if (this.#error !== undefined) return;
    try {
      this.#take(bytes, from, end, this.#ready);
    } catch (error) {
      this.#error = error;
    }
    if (this.#waiting.length > 0) this.#wake();
    if (this.#waiting.length >= MOST_WAITING) this.#socket?.pause();
  }

  handleError(error: unknown): void {
    this.#error ??= error;
    this.#end();
  }

  handleReadyForQuery(): void {
    this.#ended = true;
    this.#end();
  }

  #end(): void {
    this.#past?.copyTo(undefined);
    this.callback?.();
    this.#wake();
  }

  handleCommandComplete(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
  handleCopyInResponse(): void {}

  get #past(): CopySocket | undefined {
    const socket = this.#socket;
    return socket && CopySocket.of(socket);
  }

  get #socket(): { pause(): void; resume(): void } | undefined {
    return (this.#connection as unknown as { stream?: { pause(): void; resume(): void } } | undefined)
      ?.stream;
  }
}
