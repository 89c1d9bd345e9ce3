import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient, QueryConfig } from 'pg';
import { isTransient } from '../sql/failures.ts';
import { checkout } from './checkout.ts';
import { OWN_TYPES } from './own-types.ts';

/**
 * A pool as nestbit uses it: its queries, and those of the clients that it hands out, read results by nestbit's own type
 * parsers, and a connection that dies while it is in use fails the query and not the process. All else is the pool itself.
 */
export type Database = Pool;

const ATTEMPTS = 5;
/** In milliseconds; it doubles. */
const FIRST_PAUSE = 20;
/** What `pg` says of a client that it sends nothing through any more. */
const NOT_SENT = 'not queryable';

const databases = new WeakMap<Pool, Database>();
const clients = new WeakMap<PoolClient, PoolClient>();

/** The database behind a pool, made once. That of a database is itself. */
export function databaseOf(pool: Pool): Database {
  const known = databases.get(pool);
  if (known !== undefined) return known;
  const query = async (text: unknown, values?: unknown[]): Promise<unknown> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await queryOnce(pool, text as string, values);
      } catch (error) {
        if (attempt === ATTEMPTS || !isTransient(error) || !mayRepeat(text, error)) throw error;
        await sleep(FIRST_PAUSE * 2 ** attempt * (0.5 + Math.random()));
      }
    }
  };
  const database = overlaid(pool, {
    query,
    connect: (done?: (error: Error | undefined, client: unknown, release: unknown) => void) => {
      if (done === undefined) return pool.connect().then(withOwnTypes);
      return pool.connect((error, client, release) =>
        done(error, client && withOwnTypes(client as PoolClient), release),
      );
    },
  });
  databases.set(pool, database);
  databases.set(database, database);
  return database;
}

/** Whether a statement by itself changes nothing, or has changed nothing yet. */
function mayRepeat(text: unknown, error: unknown): boolean {
  return /^\s*select\b/i.test(String(text)) || (error as Error).message.includes(NOT_SENT);
}

async function queryOnce(pool: Pool, text: string, values?: unknown[]): Promise<unknown> {
  const { client, release } = await checkout(pool);
  let broken: Error | undefined;
  try {
    return await withOwnTypes(client).query(text, values);
  } catch (error) {
    // What the server did not say: the connection is not given to anyone else.
    if (isTransient(error)) broken = error as Error;
    throw error;
  } finally {
    release(broken);
  }
}

/** A client whose queries bring nestbit's own type parsers. */
export function withOwnTypes<T extends Pick<PoolClient, 'query'>>(client: T): T {
  const known = clients.get(client as never);
  if (known !== undefined) return known as never;
  // Looked up at each call: tracing tools put their own method there at any time.
  const plain = (query: unknown, ...values: unknown[]): unknown =>
    (client.query as (...args: unknown[]) => unknown)(query, ...values);
  const own = overlaid(client, {
    query: (query: unknown, values?: unknown[], ...more: unknown[]) => {
      if (typeof query !== 'string') return plain(query, ...(values === undefined ? [] : [values]), ...more);
      const config: QueryConfig = { text: query, types: OWN_TYPES };
      if (values !== undefined) config.values = values;
      return plain(config);
    },
  });
  clients.set(client as never, own as never);
  clients.set(own as never, own as never);
  return own;
}

/** An object with some of its methods replaced; the others run on the object itself. */
function overlaid<T extends object>(object: T, methods: Readonly<Record<string, unknown>>): T {
  return new Proxy(object, {
    get: (target, key) => {
      if (typeof key === 'string' && Object.hasOwn(methods, key)) return methods[key];
      const value = Reflect.get(target, key, target);
      // A class keeps its statics, and what it makes is no method call.
      return typeof value === 'function' && key !== 'Client' && key !== 'constructor'
        ? value.bind(target)
        : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}
