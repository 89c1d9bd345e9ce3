import pg from 'pg';

/** Locks on a table by strength, weakest first, that keep writers out. */
const STRONG = ['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'];

/** Looks all the time which strong locks on a table are held, and who waits for one. */
export class LockWatch {
  readonly #client: pg.Client;
  readonly #table: string;
  readonly #held = new Map<string, number>();
  #waits = 0;
  #longest = 0;
  #stopped = false;
  #watching: Promise<void> = Promise.resolve();

  private constructor(client: pg.Client, table: string) {
    this.#client = client;
    this.#table = table;
  }

  static async start(url: string, table: string): Promise<LockWatch> {
    const client = new pg.Client({ connectionString: url, application_name: 'bench locks' });
    await client.connect();
    const watch = new LockWatch(client, table);
    watch.#watching = watch.#watch();
    return watch;
  }

  /** Ends it; what was seen. */
  async stop(): Promise<string> {
    this.#stopped = true;
    await this.#watching;
    await this.#client.end();
    const held = [...this.#held].map(([mode, ms]) => `${mode} ${ms.toFixed(0)} ms at a time`).join(', ');
    return `strong locks seen on the table: ${held === '' ? 'none' : held}; client statements seen waiting for any lock: ${this.#waits}, the longest ${this.#longest.toFixed(0)} ms`;
  }

  async #watch(): Promise<void> {
    const since = new Map<string, number>();
    const waiting = new Map<number, number>();
    while (!this.#stopped) {
      const { rows } = await this.#client.query<{ mode: string }>(
        `select distinct mode from pg_locks where locktype = 'relation' and relation = $1::regclass and granted and mode = any($2)`,
        [this.#table, STRONG],
      );
      const now = performance.now();
      for (const mode of STRONG) {
        if (!rows.some((row) => row.mode === mode)) since.delete(mode);
        else since.set(mode, since.get(mode) ?? now);
      }
      for (const [mode, from] of since) this.#held.set(mode, Math.max(this.#held.get(mode) ?? 0, now - from));
      const waits = await this.#client.query<{ pid: number }>(
        `select pid from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'bench client'`,
      );
      for (const { pid } of waits.rows) {
        if (!waiting.has(pid)) this.#waits++;
        waiting.set(pid, waiting.get(pid) ?? now);
        this.#longest = Math.max(this.#longest, now - (waiting.get(pid) ?? now));
      }
      for (const pid of waiting.keys()) if (!waits.rows.some((row) => row.pid === pid)) waiting.delete(pid);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
