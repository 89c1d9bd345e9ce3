import { setTimeout as sleep } from 'node:timers/promises';
import { NestbitError, throwIfAborted } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import { transaction } from './transaction.ts';

const TRIES = 100;
const SETTINGS = `set local lock_timeout = '100ms'; set local client_min_messages = warning`;

/**
 * A transaction that gives up its place in the queue of locks quickly, and asks again: nobody waits behind it for long.
 *
 * @throws NestbitError `TIMEOUT` when a lock was not to be had a hundred times
 */
export async function patientTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<T> {
  for (let tries = 1; ; tries++) {
    throwIfAborted(signal);
    try {
      return await transaction(pool, work, { settings: SETTINGS, signal });
    } catch (error) {
      if (!(error instanceof NestbitError) || error.code !== 'TIMEOUT' || tries === TRIES) throw error;
      await sleep(50 + 150 * Math.random());
    }
  }
}
