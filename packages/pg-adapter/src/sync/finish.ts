import type { PoolClient } from 'pg';
import { codeColumns } from '../codes/columns.ts';
import { transaction } from '../connection/transaction.ts';
import { syncRelations } from '../follow/spec.ts';
import { registryOf } from '../schema/registry-names.ts';
import type { BadRow } from '../source/kinds.ts';
import { qualified } from '../sql/identifiers.ts';
import { insertRows, targetsOf } from '../write/insert.ts';
import { rowsAt, sorted } from '../write/rows.ts';
import { nextSeq } from '../write/seq.ts';
import type { Claim } from './claim.ts';
import type { Follow } from './follow.ts';
import type { Prepared } from './prepare.ts';

/** Longest wait for a row of the codes that another writer has, while rows of the queue are locked. */
const LOCK_TIMEOUT = '200ms';

export interface Finished {
  readonly written: number;
  /** Codes taken away: rows that are gone, NULL, or not to be encoded. */
  readonly removed: number;
  readonly unchanged: number;
  /** Changed again since they were claimed: written, and they stay in the queue. */
  readonly again: number;
  /** Ids that are no longer the worker's, or that a transaction is changing now. */
  readonly left: readonly string[];
}

/**
 * Writes what some of a claim's rows are, in one short transaction, and takes them off the queue. Only rows whose claim
 * is still there are written, so of two codes of an id the one read later is written later; a row that changed
 * again since stays in the queue. Rows that the application is changing at this moment are passed over.
 */
export async function finishRows(
  follow: Follow,
  claim: Claim,
  prepared: Prepared,
  ids: readonly string[],
): Promise<Finished> {
  const { pool, sync } = follow;
  const queue = qualified(syncRelations(sync).queue);
  const idType = sync.source.idType;
  return await transaction(
    pool,
    async (client) => {
      const { rows } = await client.query<{ id: string; version: string }>(
        `select id::text as id, version::text as version from ${queue} where id = any($1::${idType}[]) and claim = $2 for update skip locked`,
        [ids, claim.token],
      );
      const still = new Set<string>();
      const moved = new Set<string>();
      for (const { id, version } of rows) (claim.rows.get(id)?.version === version ? still : moved).add(id);
      const outcome = await write(client, follow, prepared, still, moved);
      if (still.size > 0)
        await client.query(`delete from ${queue} where id = any($1::${idType}[])`, [[...still]]);
      if (moved.size > 0)
        await client.query(
          `update ${queue} set claim = null, claimed_until = null, changed_at = now() where id = any($1::${idType}[])`,
          [[...moved]],
        );
      const left = ids.filter((id) => !still.has(id) && !moved.has(id));
      return { ...outcome, again: moved.size, left };
    },
    { settings: `set local lock_timeout = '${LOCK_TIMEOUT}'` },
  );
}

async function write(
  client: PoolClient,
  follow: Follow,
  prepared: Prepared,
  still: ReadonlySet<string>,
  moved: ReadonlySet<string>,
): Promise<Omit<Finished, 'again' | 'left'>> {
  const { sync, record } = follow;
  const { idType } = sync.source;
  const { codes: tables, texts } = syncRelations(sync);
  const mine = (id: string): boolean => still.has(id) || moved.has(id);
  // Where the trigger writes bits, those of a row that changed again are newer than ours.
  const whole = (id: string): boolean => still.has(id) || (!sync.bitsInTrigger && moved.has(id));
  const places = prepared.ids.flatMap((id, place) => (whole(id) ? [place] : []));
  if (places.length > 0) {
    const ids = places.map((place) => prepared.ids[place]);
    const firstSeq = await nextSeq(client, tables, prepared.ids.length);
    const batch = { ids: prepared.ids, codes: prepared.codes, payloads: undefined, firstSeq };
    const rows = sorted(rowsAt(batch, idType, Uint32Array.from(places)));
    await insertRows(client, targetsOf(tables, record.layout, codeColumns(record.codec)), rows);
    if (prepared.hashes !== undefined) {
      await client.query(
        `insert into ${qualified(texts)} (id, hash) select * from unnest($1::${idType}[], $2::bytea[]) u(id, hash) order by 1
         on conflict (id) do update set hash = excluded.hash`,
        [ids, ids.map((id) => prepared.hashes?.get(id))],
      );
    }
  }
  const kept = new Set([...prepared.ids, ...prepared.unchanged]);
  const gone = [...still, ...moved].filter((id) => !kept.has(id));
  let removed = 0;
  if (gone.length > 0) {
    const relations = [tables.codes, ...(record.layout === 'split' ? [tables.bits] : [])];
    if (sync.source.kind === 'text') relations.push(texts);
    for (const [i, relation] of relations.entries()) {
      const { rowCount } = await client.query(
        `delete from ${qualified(relation)} where id = any($1::${idType}[])`,
        [gone],
      );
      if (i === 0) removed = rowCount ?? 0;
    }
  }
  await noteBad(
    client,
    follow,
    [...still, ...moved],
    prepared.bad.filter(({ id }) => mine(id)),
  );
  return { written: places.length, removed, unchanged: prepared.unchanged.filter(mine).length };
}

async function noteBad(
  client: PoolClient,
  { sync: { schema, store } }: Follow,
  ids: readonly string[],
  bad: readonly BadRow[],
): Promise<void> {
  const { errors } = registryOf(schema);
  await client.query(`delete from ${errors} where name = $1 and id = any($2::text[])`, [store, ids]);
  if (bad.length === 0) return;
  await client.query(
    `insert into ${errors} (name, id, code, message) select $1, * from unnest($2::text[], $3::text[], $4::text[])
     on conflict (name, id) do update set code = excluded.code, message = excluded.message, at = now()`,
    [store, bad.map(({ id }) => id), bad.map(({ code }) => code), bad.map(({ reason }) => reason)],
  );
}
