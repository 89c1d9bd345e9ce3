import type { PoolClient } from 'pg';
import type { Tables } from '../schema/tables.ts';
import { qualified } from '../sql/identifiers.ts';

/** Takes so many numbers of a sequence and gives the last: SQL of both. */
export function setSeqSql(sequence: string, count: string): string {
  return `setval(${sequence}::regclass, nextval(${sequence}::regclass) + ${count}::bigint)`;
}

/** Numbers for so many writes. Two writers at once may get the same: only ties within a batch are in an order. */
export async function nextSeq(client: PoolClient, tables: Tables, count: number): Promise<bigint> {
  const { rows } = await client.query<{ last: string }>(`select ${setSeqSql('$1', '$2')} as last`, [
    qualified(tables.sequence),
    count,
  ]);
  return BigInt(rows[0].last) - BigInt(count);
}
