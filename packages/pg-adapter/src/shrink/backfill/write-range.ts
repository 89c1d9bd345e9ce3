import type { PoolClient } from 'pg';
import { codeColumns } from '../../codes/columns.ts';
import { copies } from '../../connection/copies.ts';
import { transaction } from '../../connection/transaction.ts';
import type { Following } from '../../follow/following.ts';
import { registryOf } from '../../schema/registry-names.ts';
import { targetsOf } from '../../write/insert.ts';
import { insertMissing } from '../../write/insert-missing.ts';
import type { Range } from './ranges.ts';
import type { RangeCodes } from './read-codes.ts';

/** Ids of NULL rows that are kept of a range, as examples. */
const NULL_EXAMPLES = 10;

/** Stores the codes of a range and its mark of being done in one transaction; nothing when it was done already. */
export async function writeRange(
  context: Following,
  range: Range,
  found: RangeCodes,
  milliseconds: number,
  { signal, sessions }: { readonly signal: AbortSignal; readonly sessions: Set<number> },
): Promise<void> {
  const { pool, schema, name, tables, record } = context;
  const copy = copies(pool);
  const { layout, idType, codec } = record;
  const targets = targetsOf(tables, layout, codeColumns(codec));
  await transaction(
    pool,
    async (client) => {
      const { rowCount } = await client.query(
        `update ${registryOf(schema).ranges}
         set done = true, rows = $3, nulls = $4, null_ids = $5, bad = $6, milliseconds = $7, done_at = clock_timestamp()
         where name = $1 and number = $2 and not done`,
        [
          name,
          range.number,
          found.ids.length,
          found.nulls.length,
          found.nulls.slice(0, NULL_EXAMPLES),
          found.bad.length,
          milliseconds,
        ],
      );
      if (rowCount !== 1) return;
      const session = (client as { processID?: number | null }).processID ?? 0;
      sessions.add(session);
      try {
        await insertMissing(client, { tables, targets, idType, ids: found.ids, codes: found.codes, copy });
        await noteBad(client, schema, name, found);
      } finally {
        sessions.delete(session);
      }
    },
    // Nothing of it needs to be on disk before the next range: a crash loses mark and rows together.
    { signal, settings: 'set local synchronous_commit = off' },
  );
}

async function noteBad(client: PoolClient, schema: string, name: string, { bad }: RangeCodes): Promise<void> {
  if (bad.length === 0) return;
  await client.query(
    `insert into ${registryOf(schema).errors} (name, id, code, message)
     select $1, * from unnest($2::text[], $3::text[], $4::text[])
     on conflict (name, id) do update set code = excluded.code, message = excluded.message, at = now()`,
    [name, bad.map(({ id }) => id), bad.map(({ code }) => code), bad.map(({ reason }) => reason)],
  );
}
