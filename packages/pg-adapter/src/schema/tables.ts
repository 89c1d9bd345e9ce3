import type { Codec } from '@nestbit/core';
import { codeColumns } from '../codes/columns.ts';
import { qualified, type Relation } from '../sql/identifiers.ts';

export type IdType = 'bigint' | 'uuid' | 'text';

/**
 * Where the codes lie. `inline`: one table (id, seq, bits, scalars, copy, payload). `split`: bits and scalars in a
 * narrow table of their own, because copies that large go to TOAST or, kept inline, slow down every scan of the bits.
 */
export type Layout = 'inline' | 'split';

/** Bytes of bits and copy above which a row comes too close to the size at which Postgres moves values to TOAST. */
const MOST_INLINE = 1912;

export function layoutFor({ layout: { bits, copy } }: Codec): Layout {
  return copy > 0 && bits + copy > MOST_INLINE ? 'split' : 'inline';
}

/** The relations of one store. */
export interface Tables {
  /** id, seq, copy, payload; with `inline` bits and scalars too. */
  readonly codes: Relation;
  /** id, seq, bits, scalars. The same as `codes` with `inline`. */
  readonly bits: Relation;
  /** Numbers writes: of ties, the row written first goes first. */
  readonly sequence: Relation;
  /** The approximate index on bits. */
  readonly index: Relation;
}

export function tablesOf(schema: string, name: string, layout: Layout): Tables {
  const relation = (suffix: string): Relation => ({ schema, name: `${name}${suffix}` });
  return {
    codes: relation(''),
    bits: relation(layout === 'split' ? '_bits' : ''),
    sequence: relation('_seq'),
    index: relation('_ann'),
  };
}

/** The statements that make them, in order. */
export function createTables(tables: Tables, idType: IdType, layout: Layout, codec: Codec): string[] {
  const { scalars, copy } = codeColumns(codec);
  const key = `id ${idType === 'text' ? 'text collate "C"' : idType} primary key, seq bigint not null`;
  const bits = `bits bit(${codec.dimensions}) not null${scalars ? ', scalars smallint not null' : ''}`;
  const own = copy === undefined ? 'payload jsonb' : `${copy} bytea not null, payload jsonb`;
  const codes = qualified(tables.codes);
  // Codes look random: compressing them costs time and saves nothing.
  return [
    `create sequence ${qualified(tables.sequence)}`,
    `create table ${codes} (${key}, ${layout === 'inline' ? `${bits}, ` : ''}${own})`,
    ...(copy === undefined ? [] : [`alter table ${codes} alter column ${copy} set storage external`]),
    ...(layout === 'inline' ? [] : [`create table ${qualified(tables.bits)} (${key}, ${bits})`]),
    `alter table ${qualified(tables.bits)} alter column bits set storage plain`,
  ];
}

export function dropTables(tables: Tables): string {
  return `
    drop table if exists ${qualified(tables.bits)};
    drop table if exists ${qualified(tables.codes)};
    drop sequence if exists ${qualified(tables.sequence)};`;
}
