import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import { isTransient, translated } from '../sql/failures.ts';

export interface TransactionOptions {
  /** SQL without parameters after `begin`, such as `set local …;`. One round trip with it. */
  readonly settings?: string;
  /** Sees one snapshot and changes nothing. */
  readonly readOnly?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Runs so often in all, when deadlocks, serialization failures or lost connections end it. Default 5. */
  readonly attempts?: number;
}

const FIRST_PAUSE = 20;

/**
 * Runs work in one transaction of one connection, and again when a clash or a lost connection ended it: so the work
 * must be the same when it is done twice.
 *
 * @throws NestbitError for what the server or the connection failed with; `ABORTED`
 */
export async function transaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const { attempts = 5, signal } = options;
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal);
    try {
      return await once(pool, work, options);
    } catch (error) {
      throwIfAborted(signal);
      if (attempt >= attempts || !isTransient(error)) throw translated(error);
      // Random, so that two that clashed do not meet again.
      await sleep(FIRST_PAUSE * 2 ** attempt * (0.5 + Math.random()), undefined, signal && { signal }).catch(
        () => {},
      );
    }
  }
}

async function once<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  { settings = '', readOnly = false, signal }: TransactionOptions,
): Promise<T> {
  const client = await pool.connect();
  // The pool listens only while a client is idle; an error meanwhile also fails the query under way.
  const ignore = (): void => {};
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    await client.query(`begin${readOnly ? ' isolation level repeatable read read only' : ''};${settings}`);
    const result = await work(client);
    throwIfAborted(signal);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.off('error', ignore);
    // A connection that cannot roll back is not given to anyone else.
    client.release(broken);
  }
}
