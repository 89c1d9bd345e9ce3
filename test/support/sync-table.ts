import { clusteredVectors } from '@nestbit/core/testing';
import { Shrink, SyncWorker, type SyncWorkerOptions } from '@nestbit/pg-adapter';
import type { Pool } from 'pg';
import { seeded } from './random.ts';
import { literalOf, type MadeTable, makeTable, WIDTH } from './shrink-table.ts';

/** A table whose store follows it, with codes of all its rows. */
export async function followedTable(
  pool: Pool,
  table: string,
  rows: number,
  options: { id?: string; type?: string; idAt?: (row: number) => string; bitsInTrigger?: boolean } = {},
): Promise<MadeTable> {
  const made = await makeTable(pool, table, rows, options);
  const { bitsInTrigger = false } = options;
  await new Shrink(pool, { table, column: 'embedding' }).start({
    index: 'none',
    ...(bitsInTrigger
      ? { rotation: 'none' as const, center: 'none' as const, bitsInTrigger }
      : { codec: made.codec }),
  });
  return made;
}

/** A worker that is quick to try again, and whose failures a test reads. */
export async function openWorker(
  pool: Pool,
  store: string,
  options: Partial<SyncWorkerOptions> = {},
): Promise<{ worker: SyncWorker; errors: Error[] }> {
  const errors: Error[] = [];
  const worker = await SyncWorker.open(pool, {
    store,
    pauseSeconds: 0.01,
    pollMs: 100,
    onError: (error) => errors.push(error),
    ...options,
  });
  return { worker, errors };
}

/** Vectors for updates. */
export const fresh: Float32Array = clusteredVectors(500, WIDTH, 20, 99);

export function freshLiteral(row: number, type: string): string {
  const at = row % 500;
  return literalOf(fresh.subarray(at * WIDTH, (at + 1) * WIDTH), type);
}

/** One client's random changes: updates, NULLs, deletes, inserts, new ids, some rolled back. */
export async function changeAtRandom(
  pool: Pool,
  table: string,
  rows: number,
  changes: number,
  seed: number,
  type: string,
): Promise<void> {
  const random = seeded(seed);
  for (let change = 0; change < changes; change++) {
    const id = random(rows);
    const vector = freshLiteral(random(500), type);
    const kind = random(20);
    const client = await pool.connect();
    const run = async (text: string, values: unknown[]): Promise<void> => {
      await client.query(text, values).catch((error: { code?: string }) => {
        // Two clients, one new id.
        if (error.code !== '23505') throw error;
      });
    };
    try {
      if (kind < 9) await run(`update ${table} set embedding = $2 where id = $1`, [id, vector]);
      else if (kind < 12) await run(`delete from ${table} where id = $1`, [id]);
      else if (kind < 15)
        await run(
          `insert into ${table} (id, embedding) values ($1, $2) on conflict (id) do update set embedding = excluded.embedding`,
          [id, vector],
        );
      else if (kind < 16) await run(`update ${table} set embedding = null where id = $1`, [id]);
      else if (kind < 17) await run(`update ${table} set id = $2 where id = $1`, [id, rows + random(rows)]);
      else if (kind < 18) await run(`update ${table} set title = 'other' where id = $1`, [id]);
      else {
        await client.query('begin');
        await run(`update ${table} set embedding = $2 where id = $1`, [id, vector]);
        await client.query(kind === 18 ? 'rollback' : 'commit');
      }
    } finally {
      client.release();
    }
  }
}
