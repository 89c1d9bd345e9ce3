import { qualified, type Relation } from '../sql/identifiers.ts';

export type IdType = 'bigint' | 'uuid' | 'text';

/**
 * Where the codes lie. `inline`: one table (id, seq, bits, int8, payload). `split`: bits in a narrow table of their
 * own, since int8 copies of so many bytes go to TOAST, or, kept inline, slow down every scan of the bits.
 */
export type Layout = 'inline' | 'split';

/** From so many dimensions on, a row with its int8 copy passes the size at which Postgres moves values to TOAST. */
const SPLIT_FROM = 1700;

export function layoutFor(dimensions: number): Layout {
  return dimensions >= SPLIT_FROM ? 'split' : 'inline';
}

/** The relations of one store. */
export interface Tables {
  /** id, seq, int8, payload; with `inline` bits too. */
  readonly codes: Relation;
  /** id, seq, bits. The same as `codes` with `inline`. */
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
export function createTables(tables: Tables, idType: IdType, layout: Layout, dimensions: number): string[] {
  const id = idType === 'text' ? 'text collate "C"' : idType;
  const codes = qualified(tables.codes);
  const bits = qualified(tables.bits);
  const inline = layout === 'inline' ? `bits bit(${dimensions}) not null, ` : '';
  // Codes look random: compressing them costs time and saves nothing.
  return [
    `create sequence ${qualified(tables.sequence)}`,
    `create table ${codes} (id ${id} primary key, seq bigint not null, ${inline}int8 bytea not null, payload jsonb)`,
    `alter table ${codes} alter column int8 set storage external`,
    ...(layout === 'inline'
      ? []
      : [
          `create table ${bits} (id ${id} primary key, seq bigint not null, bits bit(${dimensions}) not null)`,
        ]),
    `alter table ${bits} alter column bits set storage plain`,
  ];
}

export function dropTables(tables: Tables): string {
  return `
    drop table if exists ${qualified(tables.bits)};
    drop table if exists ${qualified(tables.codes)};
    drop sequence if exists ${qualified(tables.sequence)};`;
}
