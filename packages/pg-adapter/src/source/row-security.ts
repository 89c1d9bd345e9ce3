import { NestbitError } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import { transaction } from '../connection/transaction.ts';
import type { SourceTable } from './source-table.ts';

/** Within a transaction: the server refuses what row level security would answer with a part of the rows. */
export const ALL_ROWS = 'set local row_security = off';

/**
 * Refuses a role from which policies hide rows: a row that is not seen would be taken for one that was deleted.
 *
 * @throws NestbitError `PERMISSION_DENIED`
 */
export async function refuseHiddenRows(client: Pool | PoolClient, source: SourceTable): Promise<void> {
  const { rows } = await client.query<{ hidden: boolean; role: string }>(
    'select row_security_active($1::oid) as hidden, current_user as role',
    [source.oid],
  );
  if (!rows[0].hidden) return;
  throw new NestbitError(
    'PERMISSION_DENIED',
    `Row level security of ${source.schema}.${source.table} hides rows from the role ${rows[0].role}, and the codes of hidden rows would be taken ` +
      `for those of deleted ones. Connect as a role that sees every row: the owner of the table (without force row level security), ` +
      `or one with bypassrls (alter role ${rows[0].role} bypassrls).`,
  );
}

/** Reads the source in a transaction that sees every row or fails. @throws as `refuseHiddenRows` */
export async function readAllRows<T>(
  pool: Pool,
  source: SourceTable,
  work: (client: PoolClient) => Promise<T>,
  options: { readonly readOnly?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<T> {
  return await explainHidden(pool, source, () => transaction(pool, work, { ...options, settings: ALL_ROWS }));
}

/** Says what is the matter when the server refused to leave rows out. */
export async function explainHidden<T>(pool: Pool, source: SourceTable, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'PERMISSION_DENIED' || code === '42501')
      await refuseHiddenRows(pool, source).catch((why) => {
        throw why instanceof NestbitError ? why : error;
      });
    throw error;
  }
}
