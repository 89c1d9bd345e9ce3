import { NestbitError } from '@nestbit/core';
import type { Pool } from 'pg';

/** What the server can do. */
export interface Server {
  /** Such as 170005. */
  readonly version: number;
  /** Of pgvector, such as [0, 8, 0]; absent without it in this database. */
  readonly pgvector: readonly [number, number, number] | undefined;
}

const OLDEST = 140_000;
const OLDEST_PGVECTOR = [0, 7, 0] as const;

/** @throws NestbitError `SERVER_TOO_OLD` */
export async function serverOf(pool: Pool): Promise<Server> {
  const { rows } = await pool.query<{ version: string; pgvector: string | null }>(
    `select current_setting('server_version_num') as version,
            (select extversion from pg_extension where extname = 'vector') as pgvector`,
  );
  const version = Number(rows[0].version);
  if (version < OLDEST) {
    throw new NestbitError(
      'SERVER_TOO_OLD',
      `The server is Postgres ${Math.floor(version / 10_000)}; bit_count needs 14 or newer. Upgrade the server.`,
    );
  }
  const [major = 0, minor = 0, patch = 0] = (rows[0].pgvector ?? '').split('.').map(Number);
  return { version, pgvector: rows[0].pgvector === null ? undefined : [major, minor, patch] };
}

/** Whether it indexes bits. */
export function indexesBits({ pgvector }: Server): boolean {
  return pgvector !== undefined && compare(pgvector, OLDEST_PGVECTOR) >= 0;
}

/** Whether scans of its indexes go on when a filter took their rows. */
export function scansIteratively({ pgvector }: Server): boolean {
  return pgvector !== undefined && compare(pgvector, [0, 8, 0]) >= 0;
}

/** @throws NestbitError `EXTENSION_MISSING`, `SERVER_TOO_OLD` */
export function needIndexes(server: Server): void {
  if (server.pgvector === undefined) {
    throw new NestbitError(
      'EXTENSION_MISSING',
      'An index on bits needs pgvector: run `create extension vector` in this database (once, by a role that may), ' +
        'or leave the index out; searches then scan all bits.',
    );
  }
  if (!indexesBits(server)) {
    throw new NestbitError(
      'SERVER_TOO_OLD',
      `pgvector ${server.pgvector.join('.')} indexes no bits, ${OLDEST_PGVECTOR.join('.')} does: ` +
        'run `alter extension vector update` after updating it.',
    );
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
}
