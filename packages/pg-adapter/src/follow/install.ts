import type { Pool } from 'pg';
import { patientTransaction } from '../connection/patient.ts';
import { MAX_NAME_BYTES, qualified, quoted } from '../sql/identifiers.ts';
import { literal } from '../sql/literals.ts';
import { SYNC_SUFFIX_BYTES, type SyncSpec, syncRelations } from './spec.ts';
import { functionDdl, ON_CHANGE, triggersDdl } from './trigger.ts';

export type { SyncSpec } from './spec.ts';

/** The statements that install the sync, in order. Running them again does no harm. */
export function syncDdl(spec: SyncSpec): string[] {
  const { source, store } = spec;
  if (Buffer.byteLength(store) > MAX_NAME_BYTES - SYNC_SUFFIX_BYTES) {
    throw new RangeError(
      `name must have at most ${MAX_NAME_BYTES - SYNC_SUFFIX_BYTES} bytes for a store that follows a table, got ${Buffer.byteLength(store)}`,
    );
  }
  const { queue, version, changed, texts } = syncRelations(spec);
  const id = source.idType === 'text' ? 'text collate "C"' : source.idType;
  const next = `nextval(${literal(qualified(version))}::regclass)`;
  return [
    `create sequence if not exists ${qualified(version)}`,
    `create table if not exists ${qualified(queue)} (id ${id} primary key, version bigint not null default ${next}, ` +
      'changed_at timestamptz not null default now(), claim bigint, claimed_until timestamptz, attempts integer not null default 0, ' +
      'not_before timestamptz, aside boolean not null default false, error text) with (fillfactor = 50)',
    // Claims go by version, and never look at what is set aside.
    `create index if not exists ${quoted(`${store}_due`)} on ${qualified(queue)} (version) where not aside`,
    ...(source.kind === 'text'
      ? [`create table if not exists ${qualified(texts)} (id ${id} primary key, hash bytea not null)`]
      : []),
    functionDdl(spec),
    `revoke all on function ${qualified(changed)}() from public`,
    ...triggersDdl(spec),
  ];
}

/** Installs the sync: queue first, then the triggers, whose lock is given up and asked for again under load. */
export async function installSync(pool: Pool, spec: SyncSpec): Promise<void> {
  const statements = syncDdl(spec);
  await patientTransaction(pool, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

/** Removes triggers, function and queue, what there is of them; the codes stay. */
export async function removeSync(pool: Pool, spec: SyncSpec, signal?: AbortSignal): Promise<void> {
  const { queue, version, changed, texts } = syncRelations(spec);
  await patientTransaction(
    pool,
    async (client) => {
      // Also on partitions that have been detached since.
      const { rows } = await client.query<{ name: string; on: string }>(
        `select t.tgname as name, t.tgrelid::regclass::text as on from pg_trigger t
         where t.tgfoid = to_regproc($1) and t.tgparentid = 0 order by t.tgrelid, t.tgname`,
        [qualified(changed)],
      );
      for (const { name, on } of rows) await client.query(`drop trigger if exists ${quoted(name)} on ${on}`);
      await client.query(`drop function if exists ${qualified(changed)}()`);
      for (const table of [queue, texts]) await client.query(`drop table if exists ${qualified(table)}`);
      await client.query(`drop sequence if exists ${qualified(version)}`);
    },
    { signal },
  );
}

/**
 * Gives ids to the workers, whatever their rows are now. An application that changes the same rows in another order
 * meets no deadlock.
 *
 * @param sql a query of one column `id`
 * @returns how many
 */
export async function enqueueWhere(
  pool: Pool,
  spec: SyncSpec,
  sql: string,
  values: readonly unknown[],
): Promise<number> {
  const text = `insert into ${qualified(syncRelations(spec).queue)} as q (id) select x.id from (${sql}) x order by x.id ${ON_CHANGE}`;
  return await patientTransaction(pool, async (client) => {
    const { rowCount } = await client.query(text, [...values]);
    return rowCount ?? 0;
  });
}

export { type QueueState, queueState } from './queue-state.ts';
