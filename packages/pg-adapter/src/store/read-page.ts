import type { Batch, Codes, Payload } from '@nestbit/core';
import type { Pool } from 'pg';
import { idOf } from '../codes/ids.ts';
import { type CodeRow, codesOfRow, codesSql } from '../codes/read-codes.ts';
import type { StoreRecord } from '../schema/registry.ts';
import type { Tables } from '../schema/tables.ts';
import { joinSource, payloadSql } from '../search/statements.ts';
import { qualified } from '../sql/identifiers.ts';

/** A batch of stored rows, and the id of its last one. */
export interface Page {
  readonly batch: Batch & { readonly codes: Codes };
  readonly last: string;
}

/** Rows after an id, in the order of the ids; nothing when there are none. */
export async function readPage(
  pool: Pool,
  tables: Tables,
  record: StoreRecord,
  after: string | undefined,
  limit: number,
): Promise<Page | undefined> {
  const { idType, layout, codec, source } = record;
  const split = layout === 'split' ? ` join ${qualified(tables.bits)} b on b.id = c.id` : '';
  const { rows } = await pool.query<CodeRow & { id: string; payload: Payload | null }>(
    `select c.id::text, ${codesSql(codec, 'c', split === '' ? 'c' : 'b')}, ${payloadSql(source)} as payload
     from ${qualified(tables.codes)} c${split}${joinSource(source, 'c')}
     ${after === undefined ? '' : `where c.id > $2::${idType}`} order by c.id limit $1`,
    after === undefined ? [limit] : [limit, after],
  );
  if (rows.length === 0) return undefined;
  const all = codec.allocate(rows.length);
  for (const [row, own] of rows.entries()) {
    const { bits, scalars, copy } = codesOfRow(own);
    all.bits.set(bits, row * codec.layout.bits);
    all.scalars.set(scalars, row * codec.layout.scalars);
    all.copies.set(copy, row * codec.layout.copy);
  }
  return {
    batch: {
      ids: rows.map(({ id }) => idOf(id, idType)),
      payloads: rows.map(({ payload }) => payload ?? undefined),
      codes: { fingerprint: codec.fingerprint, rows: rows.length, ...all, saturated: 0 },
    },
    last: rows[rows.length - 1].id,
  };
}
