import { createHash } from 'node:crypto';
import type { Codes } from '@nestbit/core';
import type { PoolClient } from 'pg';
import { packedBits } from '../../codes/wire.ts';
import { registryOf } from '../../schema/registry-names.ts';
import { joinCodes } from '../../source/join-codes.ts';
import { idText, sourceSql } from '../../source/read-by-ids.ts';
import { boundsSql, type KeyRange } from '../../source/read-range.ts';
import { qualified, quoted } from '../../sql/identifiers.ts';
import { parametersOf } from '../../sql/parameters.ts';
import type { ShrinkContext } from '../context.ts';

/** A code that is not what it should be. */
export interface CodeFault {
  readonly id: string;
  /** `missing`: a row without a code; `left over`: a code without a row, or whose row can have none. */
  readonly kind: 'missing' | 'wrong bits' | 'wrong int8' | 'wrong bits and int8' | 'left over';
}

/** md5 (hex) of the packed bits and of the int8 copy of a row. */
export interface StoredHash {
  readonly bits: string | null;
  readonly int8: string | null;
}

/** Hashes of the stored codes of a range of the source, by id. */
export async function storedHashes(
  client: PoolClient,
  { source, tables, record }: ShrinkContext,
  range: KeyRange,
): Promise<Map<string, StoredHash>> {
  const split = record.layout === 'split';
  const { values, place } = parametersOf(source.idSqlType);
  const bits = split ? 'b.bits' : 'c.bits';
  const { rows } = await client.query<{ id: string; bits: string | null; int8: string | null }>(
    `select ${idText(source)} as id, md5(${packedBits(bits)}) as bits, md5(c.int8) as int8
     from ${sourceSql(source)} s join ${qualified(tables.codes)} c on ${joinCodes(source)}
     ${split ? `left join ${qualified(tables.bits)} b on b.id = c.id` : ''}${boundsSql(source, range, place)}`,
    values,
  );
  return new Map(rows.map(({ id, bits: own, int8 }) => [id, { bits: own, int8 }]));
}

export function hashOf(codes: Codes, row: number, dimensions: number): StoredHash {
  const md5 = (bytes: Uint8Array | Int8Array): string => createHash('md5').update(bytes).digest('hex');
  return {
    bits: md5(codes.bits.subarray((row * dimensions) / 8, ((row + 1) * dimensions) / 8)),
    int8: md5(codes.copies.subarray(row * dimensions, (row + 1) * dimensions)),
  };
}

export function kindOfFault(wanted: StoredHash, stored: StoredHash | undefined): CodeFault['kind'] {
  if (stored === undefined) return 'missing';
  if (stored.bits === wanted.bits) return 'wrong int8';
  return stored.int8 === wanted.int8 ? 'wrong bits' : 'wrong bits and int8';
}

/** Of some ids those that wait for a worker. */
export async function pendingOf(
  client: PoolClient,
  { schema, name, record }: ShrinkContext,
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await client.query<{ id: string }>(
    `select id::text from ${qualified({ schema, name: `${name}_queue` })} where id = any($1::${record.idType}[])`,
    [ids],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Codes that belong to no row, or to one that has no embedding that can be encoded. */
export async function leftOver(
  client: PoolClient,
  context: ShrinkContext,
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
