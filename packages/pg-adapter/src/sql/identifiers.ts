import { wrongType } from '@nestbit/core';
/** A name as a quoted SQL identifier: any text but NUL. Values never go this way; they are parameters. */
export function quoted(name: string): string {
  if (name.includes('\0') || name === '') throw wrongType(`${JSON.stringify(name)} is no name of Postgres`);
  return `"${name.replaceAll('"', '""')}"`;
}

/** A table, index or sequence of a schema. */
export interface Relation {
  readonly schema: string;
  readonly name: string;
}

export function qualified({ schema, name }: Relation): string {
  return `${quoted(schema)}.${quoted(name)}`;
}

/** Most bytes of a name that Postgres keeps; it cuts longer ones off, and two may become one. */
export const MAX_NAME_BYTES = 63;
