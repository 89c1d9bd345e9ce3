/** How a column holds embeddings; `text` holds what is still to be encoded. */
export type SourceKind = 'vector' | 'halfvec' | 'real[]' | 'double precision[]' | 'bytea' | 'jsonb' | 'text';

/** Kinds by the name of the column's type in pg_type. */
export const KINDS: Readonly<Record<string, SourceKind>> = {
  vector: 'vector',
  halfvec: 'halfvec',
  _float4: 'real[]',
  _float8: 'double precision[]',
  bytea: 'bytea',
  json: 'jsonb',
  jsonb: 'jsonb',
  text: 'text',
  varchar: 'text',
};

/** What can be wrong with a row's embedding; the names that are also codes of NestbitError mean the same. */
export type BadCode = 'DIMENSIONS' | 'VECTOR_INVALID' | 'VECTOR_NOT_FINITE' | 'VECTOR_ZERO';

/** A row whose embedding cannot be encoded. */
export interface BadRow {
  /** As text. */
  readonly id: string;
  readonly code: BadCode;
  readonly reason: string;
}
