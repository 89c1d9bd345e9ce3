import type { IdType } from '../schema/tables.ts';
import type { SourceKind } from './kinds.ts';

/** The user's table, as the place that embeddings come from. */
export interface SourceTable {
  readonly schema: string;
  readonly table: string;
  /** One column, unique and not null. */
  readonly id: string;
  /** Type of the ids of the codes. */
  readonly idType: IdType;
  /** Type of the column as SQL writes it, such as `integer` or `character varying(40)`. */
  readonly idSqlType: string;
  /** Collation of a text id as SQL writes it, such as `pg_catalog."default"`; absent for other types. */
  readonly idCollation: string | undefined;
  readonly column: string;
  readonly kind: SourceKind;
  /** SQL of the function that gives the column's binary form; absent where text is read. */
  readonly send: string | undefined;
  /** Declared with the type; absent where rows may differ. */
  readonly dimensions: number | undefined;
  readonly partitioned: boolean;
  readonly oid: number;
}
