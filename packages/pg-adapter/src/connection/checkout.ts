import type { Pool, PoolClient } from 'pg';

/** A connection of a pool, whose end while it is in use fails the query under way and not the process. */
export interface Checkout {
  readonly client: PoolClient;
  /** Gives it back; with an error, or true, it is closed instead. */
  release(broken?: Error | boolean): void;
}

export async function checkout(pool: Pool): Promise<Checkout> {
  const client = await pool.connect();
  // The pool listens only while a client is idle.
  const ignore = (): void => {};
  client.on('error', ignore);
  return {
    client,
    release: (broken) => {
      client.release(broken);
      client.off('error', ignore);
    },
  };
}
