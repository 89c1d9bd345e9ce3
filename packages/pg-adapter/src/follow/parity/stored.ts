import { createHash } from 'node:crypto';
import type { Codec, Codes } from '@nestbit/core';
import type { PoolClient } from 'pg';
import { codeColumns } from '../../codes/columns.ts';
import { packedBits } from '../../codes/wire.ts';
import { registryOf } from '../../schema/registry-names.ts';
import { joinCodes } from '../../source/join-codes.ts';
import { idText, sourceSql } from '../../source/read-by-ids.ts';
import { boundsSql, type KeyRange } from '../../source/read-range.ts';
import { qualified, quoted } from '../../sql/identifiers.ts';
import { parametersOf } from '../../sql/parameters.ts';
import type { Following } from '../following.ts';
import { changesSql } from '../queue-state.ts';
import { syncRelations } from '../spec.ts';

/** A code that is not what it should be. */
export interface CodeFault {
  readonly id: string;
  /**
   * `missing`: a row without a code; `left over`: a code without a row, or whose row can have none; `wrong` names the
   * columns that do not hold what the embedding gives, such as `wrong bits, scalars and copy`.
   */
  readonly kind: 'missing' | 'left over' | `wrong ${string}`;
}

/** md5 (hex) of what each column of a row's codes holds, in the order of `hashedColumns`; null where it is missing. */
export type StoredHash = readonly (string | null)[];

function hashedColumns(codec: Codec): ('bits' | 'scalars' | 'int8' | 'copy')[] {
  const { scalars, copy } = codeColumns(codec);
  return ['bits', ...(scalars ? (['scalars'] as const) : []), ...(copy === undefined ? [] : [copy])];
}

/** Hashes of the stored codes of a range of the source, by id. */
export async function storedHashes(
  client: PoolClient,
  { source, tables, record }: Following,
  range: KeyRange,
): Promise<Map<string, StoredHash>> {
  const split = record.layout === 'split';
  const { values, place } = parametersOf(source.idSqlType);
  const bits = split ? 'b' : 'c';
  const columns = hashedColumns(record.codec);
  const bytes = {
    bits: packedBits(`${bits}.bits`),
    scalars: `int2send(${bits}.scalars)`,
    int8: 'c.int8',
    copy: 'c.copy',
  };
  const hashes = columns.map((name) => `md5(${bytes[name]}) as ${name}`).join(', ');
  const { rows } = await client.query<{ id: string } & Record<string, string | null>>(
    `select ${idText(source)} as id, ${hashes}
     from ${sourceSql(source)} s join ${qualified(tables.codes)} c on ${joinCodes(source)}
     ${split ? `left join ${qualified(tables.bits)} b on b.id = c.id` : ''}${boundsSql(source, range, place)}`,
    values,
  );
  return new Map(rows.map((row) => [row.id, columns.map((name) => row[name])]));
}

/** The hashes that a row should have. */
export function hashOf(codec: Codec, codes: Codes, row: number): StoredHash {
  const { bits, scalars, copy } = codec.layout;
  const md5 = (all: Uint8Array, width: number): string =>
    createHash('md5')
      .update(all.subarray(row * width, (row + 1) * width))
      .digest('hex');
  return hashedColumns(codec).map((name) => {
    if (name === 'bits') return md5(codes.bits, bits);
    return name === 'scalars' ? md5(codes.scalars, scalars) : md5(codes.copies, copy);
  });
}

/** What is wrong with a row's codes; undefined when nothing is. */
export function faultKind(
  codec: Codec,
  wanted: StoredHash,
  stored: StoredHash | undefined,
): CodeFault['kind'] | undefined {
  if (stored === undefined) return 'missing';
  const wrong = hashedColumns(codec).filter((_, column) => wanted[column] !== stored[column]);
  const last = wrong.pop();
  if (last === undefined) return undefined;
  return `wrong ${wrong.length === 0 ? last : `${wrong.join(', ')} and ${last}`}`;
}

/** Of some ids those that wait for a worker. */
export async function pendingOf(
  client: PoolClient,
  { sync, record }: Following,
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await client.query<{ id: string }>(
    `select id::text from ${qualified(syncRelations(sync).queue)} where id = any($1::${record.idType}[])
     union select id::text from (${await changesSql(client, sync)}) c where id = any($1::${record.idType}[])`,
    [ids],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Codes that belong to no row, or to one that has no embedding that can be encoded. */
export async function leftOver(
  client: PoolClient,
  context: Following,
): Promise<{ readonly faults: CodeFault[]; readonly pending: number }> {
  const { schema, name, source, tables, record } = context;
  const of = (table: string): string =>
    `select c.id::text as id from ${table} c left join ${sourceSql(source)} s on ${joinCodes(source)}
     where s.${quoted(source.id)} is null or s.${quoted(source.column)} is null
       or exists (select from ${registryOf(schema).errors} e where e.name = $1 and e.id = c.id::text)`;
  const parts = [
    of(qualified(tables.codes)),
    ...(record.layout === 'split' ? [of(qualified(tables.bits))] : []),
  ];
  const { rows } = await client.query<{ id: string }>(parts.join(' union '), [name]);
  const pending = await pendingOf(
    client,
    context,
    rows.map(({ id }) => id),
  );
  const faults = rows
    .filter(({ id }) => !pending.has(id))
    .map(({ id }) => ({ id, kind: 'left over' as const }));
  return { faults, pending: pending.size };
}
