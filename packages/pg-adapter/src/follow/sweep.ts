import { throwIfAborted } from '@nestbit/core';
import type { Pool } from 'pg';
import { registryOf } from '../schema/registry-names.ts';
import { joinCodes } from '../source/join-codes.ts';
import { sourceSql } from '../source/read-by-ids.ts';
import { readAllRows } from '../source/row-security.ts';
import type { SourceTable } from '../source/source-table.ts';
import { qualified, quoted } from '../sql/identifiers.ts';
import { literal } from '../sql/literals.ts';
import { enqueueWhere } from './enqueue.ts';
import { type SyncSpec, syncRelations } from './spec.ts';

/** Ids enqueued in one transaction. */
const AT_ONCE = 10_000;

/** Does what TRUNCATE asked for: looks for codes without a row. Gives how many were enqueued. */
export async function sweepWanted(pool: Pool, sync: SyncSpec): Promise<number> {
  const { shrinks } = registryOf(sync.schema);
  const { rows } = await pool.query<{ wanted: string; done: string }>(
    `select sweeps_wanted as wanted, sweeps_done as done from ${shrinks} where name = $1`,
    [sync.store],
  );
  if (rows.length === 0 || rows[0].wanted === rows[0].done) return 0;
  const count = await sweepOrphans(pool, sync);
  await pool.query(`update ${shrinks} set sweeps_done = greatest(sweeps_done, $2::bigint) where name = $1`, [
    sync.store,
    rows[0].wanted,
  ]);
  return count;
}

/**
 * Enqueues the codes that have no row to stand for: it is gone, by TRUNCATE or with a partition that was dropped or
 * detached; or holds NULL, or what cannot be encoded.
 */
export async function sweepOrphans(pool: Pool, sync: SyncSpec, signal?: AbortSignal): Promise<number> {
  const { source, schema, store } = sync;
  const codes = qualified(syncRelations(sync).codes.codes);
  const row = `select from ${sourceSql(source)} s where ${joinCodes(source)} and s.${quoted(source.column)} is not null`;
  const bad = `select from ${registryOf(schema).errors} e where e.name = ${literal(store)} and e.id = c.id::text`;
  const orphan = `select c.id from page c where not exists (${row}) or exists (${bad})`;
  return await byPages(
    pool,
    source,
    (after) => page(codes, 'true', 'id', after, source.idType),
    (pageSql, values) => enqueueWhere(pool, sync, `with page as (${pageSql}) ${orphan}`, values),
    signal,
  );
}

/** Enqueues all rows of the table. */
export async function enqueueAll(pool: Pool, sync: SyncSpec, signal?: AbortSignal): Promise<number> {
  const { source } = sync;
  const id = quoted(source.id);
  return await byPages(
    pool,
    source,
    (after) => page(sourceSql(source), 'true', id, after, source.idSqlType),
    (pageSql, values) => enqueueWhere(pool, sync, pageSql, values),
    signal,
  );
}

/** Enqueues all rows of the table that have no code, such as those of a partition that was attached. */
export async function enqueueMissing(pool: Pool, sync: SyncSpec, signal?: AbortSignal): Promise<number> {
  const codes = qualified(syncRelations(sync).codes.codes);
  const { source } = sync;
  const id = quoted(source.id);
  const collate = source.idCollation === undefined ? '' : ' collate "C"';
  const there = `${quoted(source.column)} is not null`;
  const missing = `select s.id from page s where not exists (select from ${codes} c where c.id = s.id${collate})`;
  return await byPages(
    pool,
    source,
    (after) => page(sourceSql(source), there, id, after, source.idSqlType),
    (pageSql, values) => enqueueWhere(pool, sync, `with page as (${pageSql}) ${missing}`, values),
    signal,
  );
}

function page(
  from: string,
  condition: string,
  id: string,
  after: string | undefined,
  type: string,
): { sql: string; values: string[] } {
  const bound = after === undefined ? '' : ` and ${id} > $1::${type}`;
  return {
    sql: `select ${id} as id from ${from} where ${condition}${bound} order by ${id} limit ${AT_ONCE}`,
    values: after === undefined ? [] : [after],
  };
}

async function byPages(
  pool: Pool,
  source: SourceTable,
  pageAfter: (after: string | undefined) => { sql: string; values: string[] },
  enqueue: (sql: string, values: string[]) => Promise<number>,
  signal?: AbortSignal,
): Promise<number> {
  let count = 0;
  for (let after: string | undefined; ; ) {
    throwIfAborted(signal);
    const { sql, values } = pageAfter(after);
    const { rows } = await readAllRows(pool, source, (client) =>
      client.query<{ last: string | null }>(
        `select id::text as last from (${sql}) p order by p.id desc limit 1`,
        values,
      ),
    );
    if (rows.length === 0) return count;
    count += await enqueue(sql, values);
    after = rows[0].last as string;
  }
}
