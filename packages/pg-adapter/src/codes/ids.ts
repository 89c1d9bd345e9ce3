import { type Id, NestbitError } from '@nestbit/core';
import type { IdType } from '../schema/tables.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Ids as text for parameters, in Postgres' own spelling.
 *
 * @throws NestbitError `ID_TYPE` for ids of another kind than the store's
 */
export function idsAsText(ids: readonly Id[], type: IdType): string[] {
  return idsOfType(ids, type).map(String);
}

/** The same, but numbers as they are. */
export function idsOfType(ids: readonly Id[], type: IdType): Id[] {
  return ids.map((id) => {
    if (type === 'bigint' ? typeof id === 'bigint' : typeof id === 'string') {
      if (type !== 'uuid') return id;
      if (UUID.test(id as string)) return (id as string).toLowerCase();
    }
    throw new NestbitError(
      'ID_TYPE',
      `The id ${typeof id === 'bigint' ? `${id}n` : JSON.stringify(id)} is no ${type}, which the ids of this store ` +
        `are. ${type === 'bigint' ? 'Give BigInt(number), or make a store with idType text.' : `Give ${type === 'uuid' ? 'UUIDs' : 'strings'}, or make a store with another idType.`}`,
    );
  });
}

/** An id as it came from the server. */
export function idOf(text: string, type: IdType): Id {
  return type === 'bigint' ? BigInt(text) : text;
}
