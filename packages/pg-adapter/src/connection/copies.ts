import type { Pool } from 'pg';

/** Whether connections of the pool take COPY; PGlite has no stream for it. */
export function copies(pool: Pool): boolean {
  return !isPglite(pool);
}

/** Whether the pool reaches PGlite in this process: one connection, one user, no other process. */
export function isPglite(pool: Pool): boolean {
  return 'pglite' in pool.options || 'connection' in pool.options;
}
