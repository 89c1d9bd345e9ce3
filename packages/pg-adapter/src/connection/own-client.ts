import type { Client, ClientConfig, Pool } from 'pg';
import type { Checkout } from './checkout.ts';
import { reusingSocket } from './copy-socket.ts';
import { withOwnTypes } from './database.ts';

/** A client beside those of a pool, made as the pool makes its own; not connected yet. */
export function ownClient(pool: Pool, more: Partial<ClientConfig> = {}): Client {
  const { options, Client: Own } = pool as Pool & { Client: new (config: ClientConfig) => Client };
  // Not enumerable there, so that it is not printed.
  return new Own({ ...options, password: options.password, ...more } as ClientConfig);
}

/** A connection beside those of a pool that reads much by COPY at little cost. */
export async function copyReader(pool: Pool): Promise<Checkout> {
  const { stream, onConnect } = pool.options as ClientConfig & { onConnect?: (client: Client) => unknown };
  const client = ownClient(pool, { stream: stream ?? reusingSocket });
  client.on('error', () => {});
  await client.connect();
  const release = (): void => void client.end().catch(() => {});
  try {
    // What the pool's user does with each of its connections, such as setting a role.
    await onConnect?.(client);
    pool.emit('connect', client as never);
  } catch (error) {
    release();
    throw error;
  }
  return { client: withOwnTypes(client as never), release };
}
