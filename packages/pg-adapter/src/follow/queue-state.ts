import type { Pool, PoolClient } from 'pg';
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
  const relations = syncRelations(spec);
  const queue = qualified(relations.queue);
  return await transaction(pool, async (client) => {
    const changes = await changesSql(client, spec);
    const { rows } = await client.query(
      `with waiting as (
         select id, changed_at, claimed_until, attempts from ${queue} where not aside
         union all
         select c.id, min(c.at), null, 0 from (${changes}) c
         where not exists (select from ${queue} q where q.id = c.id and not q.aside) group by c.id)
       select count(*)::float8 as depth,
              coalesce(greatest(0, extract(epoch from clock_timestamp() - min(changed_at))), 0)::float8 as "oldestSeconds",
              count(*) filter (where claimed_until > now())::float8 as claimed,
              count(*) filter (where attempts > 0)::float8 as retrying,
              (select count(*) from ${queue} where aside)::float8 as "setAsideCount"
       from waiting`,
    );
    const aside = await client.query(
      `select id::text, attempts, coalesce(error, '') as error from ${queue} where aside order by id limit 100`,
    );
    return { ...rows[0], setAside: aside.rows };
  });
}

/** Ids and times of changes that no worker has seen, as a query; of none where an older nestbit made the queue. */
export async function changesSql(client: Pool | PoolClient, spec: SyncSpec): Promise<string> {
  return (await appends(client, spec))
    ? `select id, at from ${qualified(syncRelations(spec).changes)} where id is not null`
    : `select null::${spec.source.idType} as id, null::timestamptz as at where false`;
}

/** Whether changes are appended: an older nestbit wrote them into the queue itself. */
export async function appends(client: Pool | PoolClient, spec: SyncSpec): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>('select to_regclass($1) is not null as there', [
    qualified(syncRelations(spec).changes),
  ]);
  return rows[0].there;
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
