import { randomUUID } from 'node:crypto';
import type { Client, Pool } from 'pg';
import { ownClient } from '../connection/own-client.ts';

/** A first pause before a lost connection is made again, in milliseconds; it doubles up to the longest. */
const PAUSE = 100;
const LONGEST_PAUSE = 10_000;

/** Before the name that a listener gives itself, in the notice by which it finds out whether notices come through. */
const ECHO = 'echo ';

/**
 * Calls back when changes are told of. It has a connection of its own, made again when it is lost; where notices do not
 * come through (PgBouncer, PGlite), polling does it all. LISTEN succeeds behind a pooler too, so a listener counts as
 * connected only when a notice that was sent by another connection has come back.
 */
export class Listener {
  readonly #pool: Pool;
  readonly #channel: string;
  readonly #wake: () => void;
  readonly #echo = `${ECHO}${randomUUID()}`;
  #client: Client | undefined;
  #heard = false;
  #timer: NodeJS.Timeout | undefined;
  #pause = PAUSE;
  #ended = false;

  constructor(pool: Pool, channel: string, wake: () => void) {
    this.#pool = pool;
    this.#channel = channel;
    this.#wake = wake;
  }

  /** Whether notices come now. */
  get connected(): boolean {
    return this.#client !== undefined && this.#heard;
  }

  async start(): Promise<void> {
    if (this.#ended) return;
    const client = ownClient(this.#pool);
    let lost = false;
    const again = (): void => {
      if (lost) return;
      lost = true;
      this.#client = undefined;
      this.#heard = false;
      void client.end().catch(() => {});
      if (this.#ended) return;
      this.#timer = setTimeout(() => void this.start(), this.#pause * (0.5 + Math.random()));
      this.#pause = Math.min(LONGEST_PAUSE, 2 * this.#pause);
    };
    client.on('error', again);
    client.on('end', again);
    client.on('notification', ({ payload = '' }) => {
      if (payload === this.#echo) this.#heard = true;
      // Other workers' notices to themselves tell of no change.
      else if (!payload.startsWith(ECHO)) this.#wake();
    });
    try {
      await client.connect();
      await client.query(`listen ${this.#channel}`);
      if (this.#ended) {
        await client.end();
        return;
      }
      this.#client = client;
      this.#pause = PAUSE;
      // What was told of while nobody listened.
      this.#wake();
      await this.#pool.query('select pg_notify($1, $2)', [this.#channel, this.#echo]).catch(() => {});
    } catch {
      again();
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => {});
  }
}
