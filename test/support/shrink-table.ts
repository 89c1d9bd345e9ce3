import { type Codec, calibrate, parseCodec } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import type { Pool } from 'pg';

export const WIDTH = 64;

export interface MadeTable {
  readonly vectors: Float32Array;
  readonly codec: Codec;
}

/** A table of `rows` rows with an id of a type and embeddings of WIDTH dimensions as `real[]`, or vectors. */
export async function makeTable(
  pool: Pool,
  table: string,
  rows: number,
  {
    id = 'bigint',
    type = 'real[]',
    idAt = (row: number): string => String(row),
  }: { id?: string; type?: string; idAt?: (row: number) => string } = {},
): Promise<MadeTable> {
  const vectors = clusteredVectors(rows, WIDTH);
  await pool.query(`create table ${table} (id ${id} primary key, title text, embedding ${type})`);
  for (let first = 0; first < rows; first += 500) {
    const ids: string[] = [];
    const values: string[] = [];
    for (let row = first; row < Math.min(rows, first + 500); row++) {
      ids.push(idAt(row));
      values.push(literalOf(vectors.subarray(row * WIDTH, (row + 1) * WIDTH), type));
    }
    await pool.query(
      `insert into ${table} select i::${id}, 'Title ' || i, v::${type} from unnest($1::text[], $2::text[]) u(i, v)`,
      [ids, values],
    );
  }
  await pool.query(`analyze ${table}`);
  return { vectors, codec: (await calibrate([vectors], { inputDimensions: WIDTH })).codec() };
}

/** A vector as a literal of a column's type. */
export function literalOf(vector: ArrayLike<number>, type: string): string {
  const list = Array.from(vector).join(',');
  return type.endsWith('[]') ? `{${list}}` : `[${list}]`;
}

/** What is wrong with the codes of a table, found by plain SQL and the codec of its store alone. */
export async function wrongCodes(
  pool: Pool,
  table: string,
  store: string,
  type = 'real[]',
): Promise<string[]> {
  const { rows: made } = await pool.query<{ codec: string }>(
    'select codec from nestbit.stores where name = $1',
    [store],
  );
  const codec = parseCodec(made[0].codec);
  const array = type.endsWith('[]') ? 'embedding' : 'embedding::real[]';
  const { rows: source } = await pool.query<{ id: string; embedding: number[] | null }>(
    `select id::text, ${array} as embedding from ${table}`,
  );
  const { settings, layout } = codec;
  const copy = settings.copy === 'calibrated' ? 'int8' : 'copy';
  const { rows: codes } = await pool.query<{ id: string; bits: string; scalars?: Buffer; copy?: Buffer }>(
    `select id::text, bits::text${layout.scalars === 0 ? '' : ', int2send(scalars) as scalars'}${layout.copy === 0 ? '' : `, ${copy} as copy`} from nestbit."${store}"`,
  );
  const byId = new Map(codes.map((row) => [row.id, row]));
  const wrong: string[] = [];
  for (const { id, embedding } of source) {
    const code = byId.get(id);
    byId.delete(id);
    if (embedding === null) {
      if (code !== undefined) wrong.push(`${id} has a code but no embedding`);
      continue;
    }
    if (code === undefined) {
      wrong.push(`${id} is missing`);
      continue;
    }
    const { bits, scalars, copies } = codec.encode(Float32Array.from(embedding));
    const text = Array.from(bits, (byte) => byte.toString(2).padStart(8, '0')).join('');
    if (text !== code.bits) wrong.push(`${id} has wrong bits`);
    if (code.scalars?.equals(scalars) === false) wrong.push(`${id} has wrong scalars`);
    if (code.copy?.equals(copies) === false) wrong.push(`${id} has a wrong copy`);
  }
  return [...wrong, ...[...byId.keys()].map((id) => `${id} is left over`)];
}
