import { quoted } from '../sql/identifiers.ts';
import type { SourceTable } from './source-table.ts';

/**
 * The condition that joins codes (`c`) with rows of the source (`s`). Text ids compare in the source's collation, or
 * its index could not be used.
 */
export function joinCodes({ id, idCollation }: SourceTable, codes = 'c'): string {
  const collate = idCollation === undefined ? '' : ` collate ${idCollation}`;
  return `s.${quoted(id)} = ${codes}.id${collate}`;
}
