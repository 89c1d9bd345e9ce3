import type { Pool, PoolClient } from 'pg';

/** A connection of a pool, whose end while it is in use fails the query under way and not the process. */
export interface Checkout {
  readonly client: PoolClient;
  /** Gives it back; with an error, or true, it is closed instead. */
  release(broken?: Error | boolean): void;
}

export async function checkout(pool: Pool): Promise<Checkout> {
  // The pool listens only while a client is idle.
  const ignore = (): void => {};
  // By a callback, in which the listener is added at once: a connection may end before a promise is awaited.
  const client = await new Promise<PoolClient>((resolve, reject) => {
    pool.connect((error, one) => {
      if (one === undefined) {
        reject(error);
        return;
      }
      one.on('error', ignore);
      resolve(one);
    });
  });
  return {
    client,
    release: (broken) => {
      client.release(broken);
      client.off('error', ignore);
    },
  };
}
