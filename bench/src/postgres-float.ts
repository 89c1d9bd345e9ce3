import type { Pool } from 'pg';
import { copyFloats } from './float-table.ts';

export interface FloatIndex {
  readonly seconds: number;
  readonly bytes: number;
  /** Ids of the k nearest by cosine, through the index. */
  search(query: Float32Array, k: number): Promise<number[]>;
}

/** The float index that bits stand for, with pgvector's own graph and a beam of 100, built as ours is: concurrently. */
export async function floatIndex(
  pool: Pool,
  dimensions: number,
  batches: readonly Float32Array[],
): Promise<FloatIndex> {
  await pool.query(`create table floats (id bigint, embedding vector(${dimensions}))`);
  const client = await pool.connect();
  await copyFloats(client, 'floats', dimensions, batches);
  client.release();
  await pool.query('vacuum analyze floats');
  const begun = performance.now();
  await pool.query(
    'create index concurrently floats_index on floats using hnsw (embedding vector_cosine_ops)',
  );
  const seconds = (performance.now() - begun) / 1000;
  const { rows } = await pool.query<{ bytes: string }>(`select pg_relation_size('floats_index') as bytes`);
  return {
    seconds,
    bytes: Number(rows[0].bytes),
    async search(query, k) {
      const held = await pool.connect();
      try {
        await held.query('begin; set local hnsw.ef_search = 100');
        const found = await held.query<{ id: string }>(
          `select id from floats order by embedding <=> $1::vector limit ${k}`,
          [`[${query.join(',')}]`],
        );
        await held.query('commit');
        return found.rows.map(({ id }) => Number(id));
      } finally {
        held.release();
      }
    },
  };
}
