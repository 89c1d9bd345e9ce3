import type { PGlite } from '@electric-sql/pglite';
import { PglitePgConnection } from '@electric-sql/pglite/node-postgres';
import pg from 'pg';

type Exec = PGlite['execProtocolStream'];

const QUERY = 'Q'.charCodeAt(0);
const SYNC = 'S'.charCodeAt(0);

/**
 * Takes turns at the one session that PGlite has. Who begins has it until the server is ready again and no transaction is
 * open: a message of another client in between would be skipped after an error, or answered to the wrong one.
 */
class Session {
  readonly #pglite: PGlite;
  readonly #waiting: (() => void)[] = [];
  #holder: object | undefined;

  constructor(pglite: PGlite) {
    this.#pglite = pglite;
  }

  /** What a connection takes for PGlite itself. */
  through(holder: object): Pick<PGlite, 'waitReady' | 'execProtocolStream'> {
    const execProtocolStream: Exec = async (message, options) => {
      await this.#take(holder);
      let idle = false;
      try {
        const answers = await this.#pglite.execProtocolStream(message, options);
        const ready = answers.findLast(({ name }) => name === 'readyForQuery') as
          | { status?: string }
          | undefined;
        idle = ready?.status === 'I' && (message[0] === QUERY || message[0] === SYNC);
        return answers;
      } catch (error) {
        idle = true;
        throw error;
      } finally {
        if (idle) this.#give();
      }
    };
    return { waitReady: this.#pglite.waitReady, execProtocolStream };
  }

  async #take(holder: object): Promise<void> {
    while (this.#holder !== undefined && this.#holder !== holder)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#holder = holder;
  }

  #give(): void {
    this.#holder = undefined;
    this.#waiting.shift()?.();
  }
}

/** The class of clients for a pool on PGlite, and a promise that the ends of those made so far are done. */
export function pgliteClients(pglite: PGlite): {
  readonly Client: typeof pg.Client;
  readonly ended: () => Promise<unknown>;
} {
  const session = new Session(pglite);
  const ends: Promise<void>[] = [];
  class Connection extends PglitePgConnection {
    #ended: Promise<void> | undefined;

    constructor() {
      const holder = {};
      super({ pglite: session.through(holder) as PGlite });
    }

    /** Leaves the session as a new connection finds one: the pool makes another client after an error. */
    override end(): void {
      if (this.#ended !== undefined) {
        // Whoever asks again listens after this call.
        void this.#ended.then(() => setImmediate(() => this.emit('end')));
        return;
      }
      this.sync();
      this.query('rollback');
      this.query('discard all');
      super.end();
      this.on('error', () => {});
      this.#ended = new Promise((resolve) => this.once('end', resolve));
      ends.push(this.#ended);
    }
  }
  class Client extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      // A connection each: what arrives for a client that was given up must not reach the next.
      super({ ...config, connection: new Connection() } as pg.ClientConfig);
    }
  }
  return { Client, ended: () => Promise.all(ends) };
}
