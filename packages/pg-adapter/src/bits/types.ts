import type { Client, PoolClient } from 'pg';
import pgvector from 'pgvector/pg';
import { bytesOfBitText } from './text.ts';

/** Object id of `bit`. */
const BIT = 1560;

/**
 * Registers pgvector's types (vector, halfvec, sparsevec) on a connection, and bit, which then comes back as packed
 * bytes (Uint8Array): `pool.on('connect', registerTypes)`.
 */
export async function registerTypes(client: Client | PoolClient): Promise<void> {
  await pgvector.registerTypes(client as Client);
  client.setTypeParser(BIT, bytesOfBitText);
}
