import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '@nestbit/core';
import type { Pool } from 'pg';
import { transaction } from '../connection/transaction.ts';
import { type SyncSpec, syncRelations } from '../follow/spec.ts';
import { ON_CHANGE } from '../follow/trigger.ts';
import { registryOf } from '../schema/registry-names.ts';
import { translated } from '../sql/failures.ts';
import { qualified } from '../sql/identifiers.ts';
import type { Follow } from './follow.ts';

/** Changed ids that one worker has for itself until its lease ends. */
export interface Claim {
  readonly token: string;
  /** Version and earlier failures by id (as text). */
  readonly rows: ReadonlyMap<string, { readonly version: string; readonly attempts: number }>;
}

/** Appended changes that are moved in one transaction, at most. Many: of an id that changed often one row is left. */
const MOVED_AT_ONCE = 50_000;
/** First key of the advisory locks of those who move changes; the second is a hash of schema and store. */
const MOVING = 1_852_142_453;

/**
 * Moves changes that writers have appended into the queue, where each id stands once. One worker at a time moves; the
 * others go on with what is there. A change is in one of the two at any moment.
 *
 * An id that waits already and that nobody has claimed is left as it is: whoever claims it reads its row later than this
 * statement began, and so sees the change.
 *
 * @returns how many were moved; nothing when another worker is at it
 */
export async function moveChanges(pool: Pool, sync: SyncSpec): Promise<number | undefined> {
  const { changes, queue } = syncRelations(sync);
  const { shrinks } = registryOf(sync.schema);
  return await transaction(pool, async (client) => {
    const locked = await client.query<{ mine: boolean }>(
      `select pg_try_advisory_xact_lock(${MOVING}, hashtext($1 || '.' || $2)) as mine`,
      [sync.schema, sync.store],
    );
    if (!locked.rows[0].mine) return undefined;
    const { rows } = await client.query<{ moved: number }>(
      `with moved as materialized (
         delete from ${qualified(changes)} where ctid = any(array(select ctid from ${qualified(changes)} limit $2))
         returning id, at),
       truncated as (
         update ${shrinks} set sweeps_wanted = sweeps_wanted + 1 where name = $1 and exists (select from moved where id is null)),
       queued as (
         insert into ${qualified(queue)} as q (id, changed_at)
         select m.id, min(m.at) from moved m
         where m.id is not null and not exists (
           select from ${qualified(queue)} w where w.id = m.id and w.claim is null and not w.aside and w.attempts = 0)
         group by m.id order by m.id ${ON_CHANGE})
       select count(*)::int as moved from moved`,
      [sync.store, MOVED_AT_ONCE],
    );
    return rows[0].moved;
  });
}

/** Moves every change that was committed before this call into the queue, or waits for the worker that is moving it. */
export async function moveAll(
  { pool, sync, appends }: Pick<Follow, 'pool' | 'sync' | 'appends'>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!appends) return;
  const changes = qualified(syncRelations(sync).changes);
  const { rows } = await pool.query<{ now: string }>('select clock_timestamp()::text as now');
  for (;;) {
    throwIfAborted(signal);
    const moved = await moveChanges(pool, sync);
    const left = await pool.query(`select from ${changes} where at <= $1::timestamptz limit 1`, [
      rows[0].now,
    ]);
    if (left.rowCount === 0) return;
    if (moved === undefined || moved === 0) await sleep(5 + 5 * Math.random());
  }
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
