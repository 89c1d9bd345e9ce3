import type { Following } from '../follow/following.ts';
import { triggerState } from '../follow/installed.ts';
import { type QueueState, queueState } from '../follow/queue-state.ts';
import type { Phase } from '../follow/state.ts';
import type { IndexState } from '../index-build/index-builder.ts';
import { indexState } from '../index-build/index-builder.ts';
import { registryOf } from '../schema/registry-names.ts';
import { adviceFor } from '../store/stats.ts';
import { migrationSession } from './lock.ts';
import { estimatedRows } from './sample/estimate.ts';

export interface ShrinkStatus {
  readonly name: string;
  /** What is to be done next, or is being done. */
  readonly phase: Phase;
  readonly paused: boolean;
  /** The codec of its codes; `advice` says what a newer one would bring, and how to get there. */
  readonly codec: { readonly fingerprint: string; readonly copy: string; readonly advice?: string };
  /** The session of the process that works on it; absent: nobody does, run start to go on. */
  readonly session: { readonly pid: number; readonly from: string | null } | undefined;
  readonly backfill: {
    /** Rows looked at, and about how many there are. */
    readonly done: number;
    readonly total: number;
    /** Of those: stored, NULL, not to be encoded. */
    readonly encoded: number;
    readonly nulls: number;
    readonly bad: number;
    /** Rows a second over the last half minute; 0 when nothing happened. */
    readonly rate: number;
    readonly secondsLeft: number | undefined;
  };
  /** Changes that wait for a worker. */
  readonly queue: QueueState | undefined;
  /** What is wrong with the triggers, so that changes are missed: start and the sync mend it. Empty: nothing. */
  readonly triggers: readonly string[];
  readonly index:
    | (IndexState & { readonly building?: { readonly phase: string; readonly done: number } })
    | undefined;
  /** The largest lag of a replica, in seconds; absent without replicas, or without the right to see them. */
  readonly replicaLagSeconds: number | undefined;
  /** Rows that cannot be encoded, the newest first, at most 100. */
  readonly errors: readonly { readonly id: string; readonly code: string; readonly message: string }[];
  /** How many those are in all. */
  readonly errorCount: number;
  /** Some of the rows whose embedding was NULL. */
  readonly nullExamples: readonly string[];
}

export async function statusOf(context: Following): Promise<ShrinkStatus> {
  const { pool, schema, name, state, source, tables, record } = context;
  const names = registryOf(schema);
  const counts = await pool.query(
    `select coalesce(sum(rows), 0)::float8 as encoded, coalesce(sum(nulls), 0)::float8 as nulls, coalesce(sum(bad), 0)::float8 as bad,
            coalesce(sum(rows + nulls + bad) filter (where done_at > now() - interval '30 seconds'), 0)::float8 as recent,
            extract(epoch from now() - greatest(min(done_at) filter (where done_at > now() - interval '30 seconds'), now() - interval '30 seconds'))::float8 as seconds,
            bool_or(to_id is null and done) as ended
     from ${names.ranges} where name = $1 and done`,
    [name],
  );
  const [{ encoded, nulls, bad, recent, seconds }] = counts.rows;
  const done = encoded + nulls + bad;
  const working = state.phase === 'sync' || state.phase === 'backfill';
  const total = working ? Math.max(done, await estimatedRows(pool, source)) : done;
  const rate = working && recent > 0 ? recent / Math.max(0.5, seconds) : 0;
  const errors = await pool.query(
    `select id, code, message from ${names.errors} where name = $1 order by at desc, id limit 100`,
    [name],
  );
  const errorCount = await pool.query(
    `select count(*)::float8 as count from ${names.errors} where name = $1`,
    [name],
  );
  const examples = await pool.query(
    `select id from ${names.ranges}, unnest(null_ids) id where name = $1 order by number limit 10`,
    [name],
  );
  const lag = await pool.query(
    'select max(extract(epoch from replay_lag))::float8 as lag from pg_stat_replication',
  );
  const index = await indexState(pool, tables);
  const building = index === undefined || index.valid ? undefined : await buildingOf(context);
  return {
    name,
    phase: state.phase,
    paused: state.paused,
    codec: { fingerprint: record.codec.fingerprint, copy: record.codec.copy, ...adviceFor(record) },
    session: await migrationSession(pool, schema, name),
    backfill: {
      done,
      total,
      encoded,
      nulls,
      bad,
      rate,
      secondsLeft: rate > 0 ? (total - done) / rate : undefined,
    },
    queue: state.phase === 'sync' ? undefined : await queueState(pool, context.sync),
    triggers: state.phase === 'sync' ? [] : (await triggerState(pool, context.sync)).problems,
    index: index && { ...index, ...(building && { building }) },
    replicaLagSeconds: lag.rows[0].lag ?? undefined,
    errors: errors.rows,
    errorCount: errorCount.rows[0].count,
    nullExamples: examples.rows.map(({ id }) => id),
  };
}

async function buildingOf({ pool, tables }: Following): Promise<{ phase: string; done: number } | undefined> {
  const { rows } = await pool.query(
    `select phase, coalesce(tuples_done / nullif(tuples_total, 0)::float8, blocks_done / nullif(blocks_total, 0)::float8, 0) as done
     from pg_stat_progress_create_index p join pg_class c on c.oid = p.index_relid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = $2`,
    [tables.index.schema, tables.index.name],
  );
  return rows[0];
}
