import type { Pool } from 'pg';

/** Whether a pool has a single connection: who holds it must not ask the pool for another one. */
export function hasOneConnection(pool: Pool): boolean {
  return (pool.options.max ?? 10) < 2;
}
