import type { Codec } from '@nestbit/core';
import { bitParameter } from '@nestbit/pg-adapter/bits';
import type { PoolClient } from 'pg';

/** What one would write by hand: candidates by Hamming distance through the index, their int8 copies rescored here. */
export async function searchByHand(
  client: PoolClient,
  codec: Codec,
  query: Float32Array,
  candidates: number,
  k: number,
): Promise<number[]> {
  const [prepared] = codec.prepare(query);
  await client.query(`begin; set local hnsw.ef_search = ${candidates}`);
  const { rows } = await client.query<{ id: string; int8: Buffer }>(
    `select id, int8 from nestbit.bench order by bits <~> $1::bit(${codec.dimensions}) limit ${candidates}`,
    [bitParameter(prepared.bits)],
  );
  await client.query('commit');
  const scores = rows.map(({ id, int8 }) => {
    let score = 0;
    for (let j = 0; j < int8.length; j++) score += prepared.rescoreWeights[j] * ((int8[j] << 24) >> 24);
    return { id: Number(id), score };
  });
  scores.sort((a, b) => b.score - a.score);
  return scores.slice(0, k).map(({ id }) => id);
}
