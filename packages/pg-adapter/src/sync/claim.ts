import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { transaction } from '../connection/transaction.ts';
import { type SyncSpec, syncRelations } from '../follow/spec.ts';
import { ON_CHANGE } from '../follow/trigger.ts';
import { registryOf } from '../schema/registry-names.ts';
import { translated } from '../sql/failures.ts';
import { qualified } from '../sql/identifiers.ts';

/** Changed ids that one worker has for itself until its lease ends. */
export interface Claim {
  readonly token: string;
  /** Version and earlier failures by id (as text). */
  readonly rows: ReadonlyMap<string, { readonly version: string; readonly attempts: number }>;
}

/** Appended changes that are moved in one transaction, about. */
const MOVED_AT_ONCE = 8192;

/**
 * Moves changes that writers have appended into the queue, where each id stands once; those that another worker is moving
 * are passed over. A change is in one of the two at any moment. Gives how many were moved.
 */
export async function moveChanges(pool: Pool, sync: SyncSpec): Promise<number> {
  const { changes, queue } = syncRelations(sync);
  const { shrinks } = registryOf(sync.schema);
  const rows = await transaction(pool, async (client) => {
    const result = await client.query<{ moved: number }>(
      `with moved as materialized (
         delete from ${qualified(changes)} where ctid = any(array(select ctid from ${qualified(changes)} limit $2 for update skip locked))
         returning id, at),
       truncated as (
         update ${shrinks} set sweeps_wanted = sweeps_wanted + 1 where name = $1 and exists (select from moved where id is null)),
       queued as (
         insert into ${qualified(queue)} as q (id, changed_at)
         select id, min(at) from moved where id is not null group by id order by id ${ON_CHANGE})
       select count(*)::int as moved from moved`,
      [sync.store, MOVED_AT_ONCE],
    );
    return result.rows;
  });
  return rows[0].moved;
}

/** Claims the oldest changes that nobody has. One statement; rows that others hold are passed over, never waited for. */
export async function claimSome(
  pool: Pool,
  sync: SyncSpec,
  limit: number,
  leaseSeconds: number,
): Promise<Claim> {
  const queue = qualified(syncRelations(sync).queue);
  const token = (randomBytes(8).readBigUInt64BE() >> 1n).toString();
  const rows = await transaction(pool, async (client) => {
    const result = await client.query<{ id: string; version: string; attempts: number }>(
      `with due as materialized (
         select id from ${queue}
         where not aside and (claimed_until is null or claimed_until < now()) and (not_before is null or not_before <= now())
         order by version for update skip locked limit $3)
       update ${queue} q set claim = $1, claimed_until = clock_timestamp() + make_interval(secs => $2)
       from due where q.id = due.id returning q.id::text as id, q.version::text as version, q.attempts`,
      [token, leaseSeconds, limit],
    );
    return result.rows;
  });
  return { token, rows: new Map(rows.map(({ id, version, attempts }) => [id, { version, attempts }])) };
}

/** The rows of a claim that are still its own and that no transaction is changing now, as a subquery of ids. */
function own(sync: SyncSpec, token: string, ids: string): string {
  return `select id from ${qualified(syncRelations(sync).queue)} where id = any(${ids}::${sync.source.idType}[]) and claim = ${token} for update skip locked`;
}

/** Puts the end of the lease off. */
export async function extendLease(
  pool: Pool,
  sync: SyncSpec,
  { token, rows }: Claim,
  leaseSeconds: number,
): Promise<void> {
  await pool.query(
    `update ${qualified(syncRelations(sync).queue)} set claimed_until = clock_timestamp() + make_interval(secs => $3)
     where id in (${own(sync, '$1', '$2')})`,
    [token, [...rows.keys()], leaseSeconds],
  );
}

/** Gives rows back to the queue, and tells how many that were. Those being changed at this moment stay claimed. */
export async function giveBack(
  pool: Pool,
  sync: SyncSpec,
  token: string,
  ids: readonly string[],
): Promise<number> {
  const { rowCount } = await pool
    .query(
      `update ${qualified(syncRelations(sync).queue)} set claim = null, claimed_until = null where id in (${own(sync, '$1', '$2')})`,
      [token, ids],
    )
    .catch((error) => {
      throw translated(error);
    });
  return rowCount ?? 0;
}

/** Longest pause before a row is tried again, in seconds. */
const LONGEST_PAUSE = 60;

/**
 * Notes that rows failed: each is tried again after a pause that doubles, and set aside after `maxAttempts`. One that
 * changed meanwhile is as new.
 */
export async function noteFailure(
  pool: Pool,
  sync: SyncSpec,
  token: string,
  ids: readonly string[],
  error: string,
  { maxAttempts, pauseSeconds }: { readonly maxAttempts: number; readonly pauseSeconds: number },
): Promise<number> {
  const { rows } = await pool.query<{ aside: boolean }>(
    `update ${qualified(syncRelations(sync).queue)}
     set claim = null, claimed_until = null, attempts = attempts + 1, error = $3, aside = attempts + 1 >= $4,
         not_before = now() + make_interval(secs => least(${LONGEST_PAUSE}, $5::float8 * 2 ^ least(attempts, 20)))
     where id in (${own(sync, '$1', '$2')}) returning aside`,
    [token, ids, error.slice(0, 1000), maxAttempts, pauseSeconds],
  );
  return rows.filter(({ aside }) => aside).length;
}
