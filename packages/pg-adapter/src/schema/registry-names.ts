import { quoted } from '../sql/identifiers.ts';

/** The tables that nestbit shares among all stores of a schema, as SQL writes them. */
export interface RegistryNames {
  readonly migrations: string;
  /** One row a store. */
  readonly stores: string;
  /** One row a store that follows a table. */
  readonly shrinks: string;
  /** Key ranges of backfills. */
  readonly ranges: string;
  /** Rows whose embeddings cannot be encoded. */
  readonly errors: string;
}

export function registryOf(schema: string): RegistryNames {
  const own = quoted(schema);
  return {
    migrations: `${own}.migrations`,
    stores: `${own}.stores`,
    shrinks: `${own}.shrinks`,
    ranges: `${own}.shrink_ranges`,
    errors: `${own}.shrink_errors`,
  };
}
