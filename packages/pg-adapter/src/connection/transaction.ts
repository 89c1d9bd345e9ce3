import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import { isTransient, translated } from '../sql/failures.ts';
import { checkout } from './checkout.ts';

export interface TransactionOptions {
  /** SQL without parameters after `begin`, such as `set local …;`. One round trip with it. */
  readonly settings?: string;
  /** Sends the text that begins it, such as together with first statements. Default: by itself. */
  readonly begin?: (client: PoolClient, text: string) => Promise<unknown>;
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
  return await again(options, () => once(pool, work, options));
}

/**
 * A read-only transaction in one round trip.
 *
 * @param run sends the text that it is given, its own statements, and `commit`, all at once
 * @throws as `transaction`
 */
export async function readAtOnce<T>(
  pool: Pool,
  options: Pick<TransactionOptions, 'settings' | 'signal'>,
  run: (client: PoolClient, begin: string) => Promise<T>,
): Promise<T> {
  return await atOnce(pool, { ...options, readOnly: true }, run);
}

/**
 * A transaction whose work sends the text that begins it and `commit` together with its statements.
 *
 * @throws as `transaction`
 */
export async function atOnce<T>(
  pool: Pool,
  options: Omit<TransactionOptions, 'begin'>,
  run: (client: PoolClient, begin: string) => Promise<T>,
): Promise<T> {
  return await again(options, () => onConnection(pool, (client) => run(client, beginOf(options))));
}

async function again<T>(
  { attempts = 5, signal }: Pick<TransactionOptions, 'attempts' | 'signal'>,
  run: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal);
    try {
      return await run();
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
  options: TransactionOptions,
): Promise<T> {
  const { begin = (client, text) => client.query(text), signal } = options;
  return await onConnection(pool, async (client) => {
    await begin(client, beginOf(options));
    const result = await work(client);
    throwIfAborted(signal);
    await client.query('commit');
    return result;
  });
}

function beginOf({ settings = '', readOnly = false }: TransactionOptions): string {
  return `begin${readOnly ? ' isolation level repeatable read read only' : ''};${settings}`;
}

/** A transaction's connection: rolled back when the work fails. */
async function onConnection<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const { client, release } = await checkout(pool);
  let broken: Error | undefined;
  try {
    return await work(client);
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    // A connection that cannot roll back is not given to anyone else.
    release(broken);
  }
}
