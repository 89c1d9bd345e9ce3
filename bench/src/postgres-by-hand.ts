import type { Codec } from '@nestbit/core';
import { bitParameter } from '@nestbit/pg-adapter/bits';
import type { PoolClient } from 'pg';

/** What one would write by hand: candidates by Hamming distance through the index, their int8 copies rescored here,
 * as the codec's format has them: `int8` with a scale and a half square a row, or calibrated. */
export async function searchByHand(
  client: PoolClient,
  codec: Codec,
  query: Float32Array,
  candidates: number,
  k: number,
): Promise<number[]> {
  const [prepared] = codec.prepare(query);
  await client.query(`begin; set local hnsw.ef_search = ${candidates}`);
  const calibrated = codec.copy === 'calibrated';
  const { rows } = await client.query<{ id: string; copy: Buffer }>(
    `select id, ${calibrated ? 'int8' : 'copy'} as copy from nestbit.bench order by bits <~> $1::bit(${codec.dimensions}) limit ${candidates}`,
    [bitParameter(prepared.bits)],
  );
  await client.query('commit');
  const { rescoreWeights, rescoreScale } = prepared;
  const scores = rows.map(({ id, copy }) => {
    let sum = 0;
    for (let j = 0; j < codec.dimensions; j++) sum += rescoreWeights[j] * ((copy[j] << 24) >> 24);
    if (calibrated) return { id: Number(id), score: sum };
    const [scale, half] = [copy.readFloatLE(codec.dimensions), copy.readFloatLE(codec.dimensions + 4)];
    return { id: Number(id), score: sum * rescoreScale * scale - half };
  });
  scores.sort((a, b) => b.score - a.score);
  return scores.slice(0, k).map(({ id }) => id);
}
