import type { Payload, StoredRow } from '@nestbit/core';
import type { Pool } from 'pg';
import { idOf } from '../codes/ids.ts';
import { type CodeRow, codesOfRow, codesSql } from '../codes/read-codes.ts';
import type { StoreRecord } from '../schema/registry.ts';
import type { Tables } from '../schema/tables.ts';
import { joinSource, payloadSql } from '../search/statements.ts';
import { qualified } from '../sql/identifiers.ts';

interface Row extends CodeRow {
  readonly id: string;
  readonly payload: Payload | null;
}

/** Stored rows in the order of the ids, undefined where there is none. */
export async function readRows(
  pool: Pool,
  tables: Tables,
  record: StoreRecord,
  ids: readonly string[],
): Promise<(StoredRow | undefined)[]> {
  const split = record.layout === 'split' ? ` join ${qualified(tables.bits)} b on b.id = c.id` : '';
  const { rows } = await pool.query<Row>(
    `select c.id::text, ${codesSql(record.codec, 'c', split === '' ? 'c' : 'b')},
            ${payloadSql(record.source)} as payload
     from ${qualified(tables.codes)} c${split}${joinSource(record.source, 'c')}
     where c.id = any($1::${record.idType}[])`,
    [ids],
  );
  const found = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => {
    const row = found.get(id);
    if (row === undefined) return undefined;
    const { bits, scalars, copy } = codesOfRow(row);
    return {
      id: idOf(id, record.idType),
      // An id asked for twice gives two copies.
      payload: row.payload === null ? undefined : structuredClone(row.payload),
      bits: Uint8Array.from(bits),
      scalars: Uint8Array.from(scalars),
      copy: Uint8Array.from(copy),
    };
  });
}
