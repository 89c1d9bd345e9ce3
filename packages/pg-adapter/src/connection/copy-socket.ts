import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import type { ClientConfig } from 'pg';

const READ_BYTES = 1 << 17;
/** Type and length, which counts itself, before every message of the server: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const HEAD = 5;
const COPY_DATA = 'd'.charCodeAt(0);

/** Takes the bytes at `from` to `end`, which hold only for that call. */
type Take = (bytes: Buffer, from: number, end: number) => void;

const sockets = new WeakMap<object, CopySocket>();

/**
 * A socket to Postgres for reading much by COPY … TO STDOUT. It reads into the same memory over and over, and hands the
 * rows of a COPY out past the parser of `pg`, which sees all other messages as ever. Memory of its own for every read,
 * as sockets have it, keeps the garbage collector at work for a tenth of the time that encoding takes.
 */
export class CopySocket {
  /** For the `stream` of a client that does not use TLS. */
  readonly socket: Socket;
  readonly #head = Buffer.alloc(HEAD);
  /** Bytes of the head of a message that are there. */
  #headed = 0;
  /** Bytes of the message under way that are to come. */
  #left = 0;
  #copying = false;
  #take: Take | undefined;

  constructor() {
    const memory = Buffer.allocUnsafe(READ_BYTES);
    const onread: ConnectOpts['onread'] = {
      buffer: memory,
      callback: (length) => {
        this.#received(memory.subarray(0, length));
        return true;
      },
    };
    this.socket = new Socket({ onread } as SocketConstructorOpts);
    sockets.set(this.socket, this);
  }

  /** That of a connection's stream; nothing for other streams. */
  static of(stream: object): CopySocket | undefined {
    return sockets.get(stream);
  }

  /** Gives what COPY brings to `take` from now on; to `pg` again without one. */
  copyTo(take: Take | undefined): void {
    this.#take = take;
  }

  #received(bytes: Buffer): void {
    // Where what is not handed on yet begins; all but rows goes on in one piece.
    let from = 0;
    for (let at = 0; at < bytes.length; ) {
      if (this.#left === 0) {
        const begun = this.#headed;
        const start = at;
        at = this.#begin(bytes, at);
        if (this.#headed > 0) {
          this.#pass(bytes, from, start);
          return;
        }
        if (this.#copying) {
          this.#pass(bytes, from, start);
          from = at;
        } else if (begun > 0) this.#pass(this.#head, 0, begun);
      }
      const end = Math.min(bytes.length, at + this.#left);
      this.#left -= end - at;
      if (this.#copying) {
        if (end > at) this.#take?.(bytes, at, end);
        from = end;
      }
      at = end;
    }
    this.#pass(bytes, from, bytes.length);
  }

  // Takes what is there of a message's head, which is kept until it is whole; gives where it ends.
  #begin(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + HEAD - this.#headed);
    this.#headed += bytes.copy(this.#head, this.#headed, at, end);
    if (this.#headed < HEAD) return end;
    this.#headed = 0;
    this.#left = this.#head.readUInt32BE(1) - 4;
    this.#copying = this.#head[0] === COPY_DATA && this.#take !== undefined;
    return end;
  }

  #pass(bytes: Buffer, from: number, end: number): void {
    if (end > from) this.socket.emit('data', Buffer.from(bytes.subarray(from, end)));
  }
}

/**
 * The `stream` of a pool that searches much: connections read into memory of their own instead of new memory for each
 * read, which the garbage collector would have to see to. Other queries run as ever. With TLS, sockets as they always
 * are.
 */
export function reusingSocket(config?: Pick<ClientConfig, 'ssl'>): Socket {
  return config?.ssl ? new Socket() : new CopySocket().socket;
}
