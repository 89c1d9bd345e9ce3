import type { Pool } from 'pg';
import { patientTransaction } from '../connection/patient.ts';
import { ALL_ROWS, explainHidden } from '../source/row-security.ts';
import { qualified } from '../sql/identifiers.ts';
import { type SyncSpec, syncRelations } from './spec.ts';
import { ON_CHANGE } from './trigger.ts';

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
  return await explainHidden(pool, spec.source, () =>
    patientTransaction(pool, async (client) => {
      await client.query(ALL_ROWS);
      const { rowCount } = await client.query(text, [...values]);
      return rowCount ?? 0;
    }),
  );
}
