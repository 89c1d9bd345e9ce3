import { NestbitError } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import { quoted } from '../sql/identifiers.ts';

/** What the server can do. */
export interface Server {
  /** Such as 170005. */
  readonly version: number;
  /** Of pgvector, such as [0, 8, 0]; absent without it in this database. */
  readonly pgvector: readonly [number, number, number] | undefined;
  /** The schema of pgvector, quoted: it need not be in the search path. Empty without it. */
  readonly extension: string;
}

const OLDEST = 140_000;
const OLDEST_PGVECTOR = [0, 7, 0] as const;

/** @throws NestbitError `SERVER_TOO_OLD` */
export async function serverOf(client: Pool | PoolClient): Promise<Server> {
  const { rows } = await client.query<{
    version: string;
    pgvector: string | null;
    extension: string | null;
    encoding: string;
  }>(
    `select current_setting('server_version_num') as version,
            current_setting('client_encoding') as encoding, v.extversion as pgvector, n.nspname as extension
     from (values (0)) one left join pg_extension v on v.extname = 'vector' left join pg_namespace n on n.oid = v.extnamespace`,
  );
  checkEncoding(rows[0].encoding);
  const version = Number(rows[0].version);
  if (version < OLDEST) {
    throw new NestbitError(
      'SERVER_TOO_OLD',
      `The server is Postgres ${Math.floor(version / 10_000)}; bit_count needs 14 or newer. Upgrade the server.`,
    );
  }
  const [major = 0, minor = 0, patch = 0] = (rows[0].pgvector ?? '').split('.').map(Number);
  const { pgvector, extension } = rows[0];
  return {
    version,
    pgvector: pgvector === null ? undefined : [major, minor, patch],
    extension: extension === null ? '' : quoted(extension),
  };
}

/** @throws NestbitError `UNSUPPORTED` for a client whose text is not UTF-8, as which `pg` reads and writes it */
function checkEncoding(encoding: string): void {
  if (encoding === 'UTF8') return;
  throw new NestbitError(
    'UNSUPPORTED',
    `The connections of this pool have client_encoding ${encoding}, but pg reads and writes UTF8: text would be damaged. ` +
      'Leave client_encoding as it is; the encoding of the database may be another one.',
  );
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
