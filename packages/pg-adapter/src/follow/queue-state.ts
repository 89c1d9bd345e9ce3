import type { Pool } from 'pg';
import { transaction } from '../connection/transaction.ts';
import { qualified } from '../sql/identifiers.ts';
import { type SyncSpec, syncRelations } from './spec.ts';

export interface QueueState {
  /** Changed rows that wait or are being worked on; those set aside are not among them. */
  readonly depth: number;
  /** Age of the oldest change among them, in seconds; 0 when there is none. */
  readonly oldestSeconds: number;
  /** Those that a worker has now. */
  readonly claimed: number;
  /** Those that failed and wait for their next try. */
  readonly retrying: number;
  /** How many failed too often, and the first 100 of them. */
  readonly setAsideCount: number;
  readonly setAside: readonly { readonly id: string; readonly attempts: number; readonly error: string }[];
}

export async function queueState(pool: Pool, spec: SyncSpec): Promise<QueueState> {
  const queue = qualified(syncRelations(spec).queue);
  return await transaction(pool, async (client) => {
    const { rows } = await client.query(
      `select count(*) filter (where not aside)::float8 as depth,
              coalesce(greatest(0, extract(epoch from clock_timestamp() - min(changed_at) filter (where not aside))), 0)::float8 as "oldestSeconds",
              count(*) filter (where claimed_until > now())::float8 as claimed,
              count(*) filter (where not aside and attempts > 0)::float8 as retrying,
              count(*) filter (where aside)::float8 as "setAsideCount"
       from ${queue}`,
    );
    const aside = await client.query(
      `select id::text, attempts, coalesce(error, '') as error from ${queue} where aside order by id limit 100`,
    );
    return { ...rows[0], setAside: aside.rows };
  });
}

/** Puts rows that are set aside back; absent ids: all. Gives how many. */
export async function retryAside(
  pool: Pool,
  spec: SyncSpec,
  ids: readonly string[] | undefined,
): Promise<number> {
  const { rowCount } = await pool.query(
    `update ${qualified(syncRelations(spec).queue)} set aside = false, attempts = 0, not_before = null, error = null, changed_at = now()
     where aside${ids === undefined ? '' : ` and id = any($1::${spec.source.idType}[])`}`,
    ids === undefined ? [] : [ids],
  );
  return rowCount ?? 0;
}
